// Small parts that every page uses.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Pairs, Rating } from '../api.js';
import { text, vital, web } from '../format.js';

/** The lighthouse. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
      <path class="beam" d="M14.500 6.200 23 3v7.200l-8.500-2.400zM9.500 6.200 1 3v7.200l8.500-2.400z" />
      <path class="lamp" d="M9.500 5 12 2.500 14.500 5v4h-5z" />
      <path class="tower" d="M10 10h4l1.500 11.500h-7z" />
    </svg>
  );
}

/** A link out of the viewer when `url` is one that a browser may be sent to; else its text. */
export function Out({ url, children }: { url: string; children?: ComponentChildren }) {
  const safe = web(url);
  if (!safe) return <>{children ?? url}</>;
  return <a href={safe.href} target="_blank" rel="noopener noreferrer" title={url}>{children ?? url}</a>;
}

/** Copies `value`, and says so. */
export function Copy({ value, label = 'Copy' }: { value: string; label?: string }) {
  const [done, set] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => set(false), 1_500);
    return () => clearTimeout(timer);
  }, [done]);
  // The clipboard is there on loopback and https only.
  const copy = () => navigator.clipboard?.writeText(value).then(() => set(true), () => {});
  return <button type="button" class="quiet" onClick={copy} aria-live="polite">{done ? 'Copied' : label}</button>;
}

/** Pairs as two columns; nothing when there are none. */
export function Table({ title, pairs }: { title: string; pairs: Pairs | undefined }) {
  const entries = Object.entries(pairs ?? {});
  if (entries.length === 0) return null;
  return (
    <section>
      <h3>{title}</h3>
      <dl class="pairs">
        {entries.map(([key, value]) => (
          <div key={key}><dt>{key}</dt><dd>{typeof value === 'string' && web(value) ? <Out url={value} /> : text(value)}</dd></div>
        ))}
      </dl>
    </section>
  );
}

const WORDS: Record<Rating, string> = { good: 'good', 'needs-improvement': 'needs improvement', poor: 'poor' };

/** A vital with its value; the judgement is a colour and a word. */
export function Vital({ name, value, rating, href }: { name: string; value: number; rating: Rating; href: string }) {
  return (
    <a class={`vital ${rating}`} href={href} title={WORDS[rating]}>
      <b>{name.toUpperCase()}</b> <span>{vital(name, value)}</span> <small>{WORDS[rating]}</small>
    </a>
  );
}

/** A choice of one among few. */
export function Choice<T extends string>(props: { label: string; value: T; options: [value: T, label: string][]; set: (value: T) => void }) {
  return (
    <div class="choice" role="group" aria-label={props.label}>
      {props.options.map(([value, label]) => (
        <button key={value} type="button" aria-pressed={props.value === value} onClick={() => props.set(value)}>{label}</button>
      ))}
    </div>
  );
}

/** The apps there are to choose from; nothing while there is only one. */
export function AppChoice({ apps, value, set }: { apps: string[]; value: string; set: (app: string) => void }) {
  if (apps.length < 2 && !value) return null;
  const all = value && !apps.includes(value) ? [value, ...apps] : apps;
  return (
    <select aria-label="App" value={value} onChange={(event) => set(event.currentTarget.value)}>
      <option value="">All apps</option>
      {all.map((app) => <option key={app} value={app}>{app}</option>)}
    </select>
  );
}

/** A search text, told a moment after the last key. */
export function Search({ value, set, label }: { value: string; set: (text: string) => void; label: string }) {
  const timer = useRef<number | undefined>(undefined);
  const change = (event: { currentTarget: HTMLInputElement }) => {
    const text = event.currentTarget.value.trim();
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => set(text), 200);
  };
  return <input type="search" placeholder={label} aria-label={label} maxLength={200} value={value} onInput={change} />;
}

/** Up, down, Home and End move along the links or buttons of a list. */
export function alongList(event: KeyboardEvent & { currentTarget: HTMLElement }) {
  const step: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };
  const by = step[event.key];
  if (by === undefined || !(event.target instanceof HTMLElement)) return;
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>('[data-row]')];
  const at = rows.indexOf(event.target);
  if (at < 0) return;
  event.preventDefault();
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
  next?.focus();
  if (next instanceof HTMLButtonElement) next.click();
}

export function Failed({ error }: { error: string }) {
  return <p class="note bad" role="alert">Could not read this from the receiver: {error}</p>;
}

export function Loading() {
  return <p class="note" role="status">Loading</p>;
}
