// The error boundary with React's own types, and as a wrapper.

import { createElement, type Component, type ComponentType, type FC, type ReactElement, type ReactNode } from 'react';
import { FaroErrorBoundary as Boundary, initialState, type BoundaryProps, type BoundaryState } from './boundary.js';

export type ReactNodeRender = () => ReactNode;
export type ReactProps = Record<string, unknown>;
export type FaroErrorBoundaryFallbackRender = (error: Error, resetError: VoidFunction) => ReactElement;
export type FaroErrorBoundaryState = BoundaryState;

export interface FaroErrorBoundaryProps extends Omit<BoundaryProps, 'children' | 'fallback'> {
  children?: ReactNode | ReactNodeRender;
  fallback?: ReactElement | FaroErrorBoundaryFallbackRender;
}

export const faroErrorBoundaryInitialState: FaroErrorBoundaryState = initialState;

interface BoundaryClass {
  new (props: FaroErrorBoundaryProps): Component<FaroErrorBoundaryProps, FaroErrorBoundaryState> & { resetErrorBoundary(): void };
  getDerivedStateFromError(error: Error): FaroErrorBoundaryState;
}

export const FaroErrorBoundary = Boundary as unknown as BoundaryClass;
export type FaroErrorBoundary = InstanceType<BoundaryClass>;

/** The component inside a boundary of its own. */
export function withFaroErrorBoundary<P extends object>(Wrapped: ComponentType<P>, props: FaroErrorBoundaryProps): FC<P> {
  const Bounded: FC<P> = (own) => createElement(FaroErrorBoundary, props, createElement(Wrapped, own));
  Bounded.displayName = `FaroErrorBoundary(${Wrapped.displayName ?? Wrapped.name ?? 'Unknown'})`;
  return Bounded;
}
