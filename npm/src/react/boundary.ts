// An error boundary that imports no React: it is handed one by whoever renders it.
//
// A class component is any class whose prototype has `isReactComponent`; the renderer sets `updater` on its instances,
// which is all that `React.Component` itself uses.

import { running } from './running.js';
import type { ErrorOptions } from '../types.js';

/** Characters of a component stack that are reported. */
const LONGEST_STACK = 4_000;

export interface BoundaryProps {
  /** Before the error is reported. */
  beforeCapture?: (error: Error | null) => void;
  children?: unknown;
  /** Rendered instead of the children, once they have failed; nothing when absent. */
  fallback?: ((error: Error, resetError: () => void) => unknown) | object | string | number | null;
  onError?: (error: Error) => void;
  onMount?: () => void;
  onReset?: (error: Error | null) => void;
  onUnmount?: (error: Error | null) => void;
  pushErrorOptions?: ErrorOptions & { type?: string };
}

export interface BoundaryState {
  hasError: boolean;
  error: Error | null;
}

interface Updater {
  enqueueSetState(instance: object, state: unknown, callback: unknown, caller: string): void;
  enqueueForceUpdate(instance: object, callback: unknown, caller: string): void;
}

export const initialState: BoundaryState = { hasError: false, error: null };

/** Reports what its children throw while they render, with the error's own stack, and shows the fallback. */
export class FaroErrorBoundary {
  declare context: unknown;
  declare refs: Record<string, never>;
  private declare updater: Updater;
  state: Readonly<BoundaryState> = initialState;

  constructor(readonly props: Readonly<BoundaryProps>) {}

  /** On the prototype, where React looks for it. */
  get isReactComponent(): object {
    return initialState;
  }

  static getDerivedStateFromError(error: Error): BoundaryState {
    return { hasError: true, error };
  }

  setState(state: unknown, callback?: () => void): void {
    this.updater.enqueueSetState(this, state, callback, 'setState');
  }

  forceUpdate(callback?: () => void): void {
    this.updater.enqueueForceUpdate(this, callback, 'forceUpdate');
  }

  componentDidMount(): void {
    this.props.onMount?.();
  }

  componentWillUnmount(): void {
    this.props.onUnmount?.(this.state.error);
  }

  componentDidCatch(error: Error, { componentStack }: { componentStack?: string | null }): void {
    const { beforeCapture, onError, pushErrorOptions } = this.props;
    beforeCapture?.(error);
    const type = `React ErrorBoundary ${error instanceof Error ? error.name : 'Error'}`;
    const context = { ...(componentStack && { componentStack: componentStack.slice(0, LONGEST_STACK) }), ...pushErrorOptions?.context };
    running()?.api.pushError(error, { type, ...pushErrorOptions, context });
    onError?.(error);
  }

  /** Renders the children again. */
  resetErrorBoundary = (): void => {
    this.props.onReset?.(this.state.error);
    this.setState(initialState);
  };

  render(): null {
    const { children, fallback } = this.props;
    const { hasError, error } = this.state;
    const shown: unknown = hasError
      ? typeof fallback === 'function' ? fallback(error as Error, this.resetErrorBoundary) : fallback
      : typeof children === 'function' ? (children as () => unknown)() : children;
    // What is rendered is React's to name; null stands for any node in types that know no React.
    return (shown ?? null) as null;
  }
}
