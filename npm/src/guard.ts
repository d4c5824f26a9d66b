// The door between our code and the page's: what we cause is not captured, what we throw does not leave.

let inside = false;

/** Runs `body` with capture off. What it throws is swallowed and answered with undefined. */
export function own<T>(body: () => T): T | undefined {
  const outer = inside;
  inside = true;
  try {
    return body();
  } catch {
    return undefined;
  } finally {
    inside = outer;
  }
}

/** As `own`, but does nothing while our own code is already running: the shape of every tap. */
export function tap<T>(body: () => T): T | undefined {
  return inside ? undefined : own(body);
}
