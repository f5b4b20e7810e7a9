import { readFileSync } from 'node:fs';

/** Of this package; sources and built program are equally deep in it. */
export const version: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

/** What a reference pipeline of this package says of its build, unless a configuration says otherwise. */
export function referenceBuild(kind: 'legacy' | 'streaming'): string {
  return `${kind}-${version}`;
}
