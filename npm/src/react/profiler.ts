// Mounts, renders and updates of a component as spans.

import { Component, createElement, type ComponentType, type FC, type ReactNode } from 'react';
import { running } from './running.js';
import type { OTELApi, Span } from '../swap/types.js';

export interface FaroProfilerProps {
  name: string;
  updateProps: Record<string, unknown>;
  children: ReactNode;
}

/** Spans `componentMount`, under it `componentRender` and `componentUpdate`. */
export class FaroProfiler extends Component<FaroProfilerProps> {
  private mounting: Span | undefined;
  private rendering: Span | undefined;
  private updating: Span | undefined;

  constructor(props: FaroProfilerProps) {
    super(props);
    this.mounting = this.span('componentMount');
  }

  override componentDidMount(): void {
    this.mounting?.end();
    this.rendering = this.span('componentRender');
  }

  override shouldComponentUpdate({ updateProps }: FaroProfilerProps): boolean {
    const before = this.props.updateProps;
    const changed = Object.keys(updateProps).filter((key) => updateProps[key] !== before[key]);
    if (changed.length) this.updating = this.span('componentUpdate', { 'react.component.changed_props': changed });
    return true;
  }

  override componentDidUpdate(): void {
    this.updating?.end();
    this.updating = undefined;
  }

  override componentWillUnmount(): void {
    this.rendering?.end();
  }

  override render(): ReactNode {
    return this.props.children;
  }

  private span(name: string, more?: Record<string, unknown>): Span | undefined {
    const otel = running()?.api.getOTEL() as OTELApi | undefined;
    if (!otel) return undefined;
    const { trace, context } = otel;
    const attributes = { 'react.component.name': this.props.name, ...more };
    const parent = this.mounting ? trace.setSpan(context.active(), this.mounting) : context.active();
    return trace.getTracer('@grafana/faro-react').startSpan(name, { attributes }, parent);
  }
}

/** The component inside a profiler that is named after it. */
export function withFaroProfiler<P extends object>(Wrapped: ComponentType<P>, options?: Partial<Omit<FaroProfilerProps, 'updateProps'>>): FC<P> {
  const name = options?.name ?? Wrapped.displayName ?? Wrapped.name ?? 'Unknown';
  const Profiled: FC<P> = (props) =>
    createElement(FaroProfiler, { name, updateProps: props as Record<string, unknown>, children: createElement(Wrapped, props) });
  Profiled.displayName = `FaroProfiler(${name})`;
  return Profiled;
}
