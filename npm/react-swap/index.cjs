// Getters, because `faro` is another object once the agent has started.
for (const part of [require('farol/faro'), require('farol/react')]) {
  for (const name of Object.keys(part)) Object.defineProperty(exports, name, { enumerable: true, get: () => part[name] });
}
