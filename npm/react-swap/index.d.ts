export * from 'farol/faro';
export * from 'farol/react';
