// Faro's observable: values, told to whoever listens.

export interface Subscription {
  unsubscribe: () => void;
}

type Subscriber<T> = (value: T) => void;

/** Derived ones listen to their source as long as anyone listens to them. */
export class Observable<T = unknown> {
  private subscribers: Subscriber<T>[] = [];
  private sources: Subscription[] = [];

  subscribe(subscriber: Subscriber<T>): Subscription {
    this.subscribers.push(subscriber);
    return { unsubscribe: () => this.unsubscribe(subscriber) };
  }

  unsubscribe(subscriber: Subscriber<T>): void {
    this.subscribers = this.subscribers.filter((one) => one !== subscriber);
    if (this.subscribers.length === 0) this.stop();
  }

  notify(value: T): void {
    this.subscribers.slice().forEach((subscriber) => subscriber(value));
  }

  /** The next value alone. */
  first(): Observable<T> {
    return this.derive((value, derived) => {
      derived.stop();
      derived.notify(value);
    });
  }

  /** Ends with the first value that the predicate refuses. */
  takeWhile(predicate: (value: T) => boolean): Observable<T> {
    return this.derive((value, derived) => (predicate(value) ? derived.notify(value) : derived.stop()));
  }

  filter(predicate: (value: T) => boolean): Observable<T> {
    return this.derive((value, derived) => predicate(value) && derived.notify(value));
  }

  merge(...others: Observable<T>[]): Observable<T> {
    const merged = new Observable<T>();
    merged.sources = [this, ...others].map((source) => source.subscribe((value) => merged.notify(value)));
    return merged;
  }

  private derive(pass: (value: T, derived: Observable<T>) => unknown): Observable<T> {
    const derived = new Observable<T>();
    derived.sources = [this.subscribe((value) => void pass(value, derived))];
    return derived;
  }

  private stop(): void {
    this.sources.forEach((source) => source.unsubscribe());
    this.sources = [];
  }
}
