// Faro's names for the version of React.

import { version } from 'react';

export const reactVersion: string = version;
export const reactVersionMajor: number | null = getMajorReactVersion();
export const isReactVersionAtLeast16 = isReactVersionAtLeast(16);
export const isReactVersionAtLeast17 = isReactVersionAtLeast(17);
export const isReactVersionAtLeast18 = isReactVersionAtLeast(18);
export const isReactVersionAtLeast19 = isReactVersionAtLeast(19);

export function getMajorReactVersion(): number | null {
  const major = Number.parseInt(version, 10);
  return Number.isNaN(major) ? null : major;
}

export function isReactVersionAtLeast(least: number): boolean {
  return (getMajorReactVersion() ?? 0) >= least;
}
