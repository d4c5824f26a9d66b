// What `import 'farol'` gives: the agent, and a React error boundary for those who use it. Nobody else bundles that.

export * from './index.js';
export { FaroErrorBoundary, type BoundaryProps as FaroErrorBoundaryProps } from './react/boundary.js';
