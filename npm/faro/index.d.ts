export * from 'farol/faro';
