// Replacing a host function so that the page cannot tell, and putting it back.

export type Undo = () => void;

type Callable = (...args: never[]) => unknown;

/** One call that the page made: `call.pass()` makes it as the page meant it. */
export interface Call {
  target: Callable;
  self: unknown;
  args: unknown[];
  /** Our outermost function on the stack: what is above it is the page's. */
  entry: object;
}

/** The host's own call, with its own `this`, value and errors. */
export function pass(call: Call, args: unknown[] = call.args): unknown {
  return Reflect.apply(call.target, call.self, args);
}

/**
 * Puts `around` in front of `owner[key]`. A Proxy keeps name, length, own properties and the native
 * look for `Function.prototype.toString`; `toString` on the function itself answers with the
 * original's text. The undo restores the original where our patch is still in place, and otherwise
 * leaves a pass-through, because someone has wrapped it since.
 */
export function patch(owner: object, key: string, around: (call: Call) => unknown): Undo {
  const original: unknown = Reflect.get(owner, key);
  if (typeof original !== 'function') return () => {};
  let active = true;
  let text: unknown;
  const patched = new Proxy(original as Callable, {
    apply: function entry(target, self: unknown, args: unknown[]) {
      const call = { target, self, args, entry };
      return active ? around(call) : pass(call);
    },
    get(target, name) {
      if (name !== 'toString') return Reflect.get(target, name) as unknown;
      return (text ??= target.toString.bind(target));
    },
  });
  const before = Object.getOwnPropertyDescriptor(owner, key);
  const put = (value: unknown): void => {
    // The descriptor is kept, so that the property stays as enumerable and writable as it was.
    if (before && 'value' in before) Object.defineProperty(owner, key, { ...before, value });
    else Reflect.set(owner, key, value);
  };
  try {
    put(patched);
  } catch {
    // Frozen by the page: it stays as it is.
    return () => {};
  }
  return () => {
    active = false;
    if (Reflect.get(owner, key) !== patched) return;
    if (before) put(original);
    else Reflect.deleteProperty(owner, key);
  };
}

/** Listens on `target`, in the capture phase and passively; returns what stops it. */
export function listen(target: EventTarget, type: string, handler: (event: Event) => void): Undo {
  const options = { capture: true, passive: true };
  target.addEventListener(type, handler, options);
  return () => target.removeEventListener(type, handler, options);
}
