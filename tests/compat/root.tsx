// The boundary from `farol` itself, whose types know no React.

import { FaroErrorBoundary, initializeFaro } from 'farol';
import type { ReactElement } from 'react';

export const instance = initializeFaro({ url: '/collect', app: { name: 'chat' } });

export function App(): ReactElement {
  return (
    <FaroErrorBoundary fallback={(error, resetError) => <button onClick={resetError}>{error.message}</button>} onError={(error) => error.name}>
      <p>chat</p>
    </FaroErrorBoundary>
  );
}
