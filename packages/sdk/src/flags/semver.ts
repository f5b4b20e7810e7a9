/** A version, read: up to three release numbers and a prerelease. */
export interface Version {
  readonly release: readonly [major: number, minor: number, patch: number];
  /** Empty for a release. */
  readonly prerelease: readonly (string | number)[];
}

// 15 digits a number: below 2^53, so that comparing is exact. The whole is bounded by `versionLength`.
const shape =
  /^v?(\d{1,15})(?:\.(\d{1,15}))?(?:\.(\d{1,15}))?(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]*)?$/;

/** Longer texts are not versions. The longest seen in the wild (git describe with build data) stay below 100. */
const versionLength = 128;

/**
 * Reads a version as semver.org 2.0.0 does, and a little more, because apps send `v2`, `2.5` and
 * `2026.01.3`: a leading v, missing numbers (0) and leading zeros are taken. `undefined` when it is none.
 */
export function parseVersion(text: string): Version | undefined {
  if (text.length > versionLength) return undefined;
  const match = shape.exec(text);
  if (match === null) return undefined;
  const [, major, minor = '0', patch = '0', prerelease] = match;
  return {
    release: [Number(major), Number(minor), Number(patch)],
    prerelease: prerelease === undefined ? [] : prerelease.split('.').map(readIdentifier),
  };
}

function readIdentifier(identifier: string): string | number {
  return /^\d{1,15}$/.test(identifier) ? Number(identifier) : identifier;
}

/** Precedence by semver.org §11: negative when `a` comes first, 0 when equal. Build data does not count. */
export function compareVersions(a: Version, b: Version): number {
  for (const at of [0, 1, 2] as const) {
    const difference = a.release[at] - b.release[at];
    if (difference !== 0) return difference;
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0)
    return b.prerelease.length - a.prerelease.length;
  for (const [at, left] of a.prerelease.entries()) {
    const right = b.prerelease[at];
    if (right === undefined) return 1;
    const order = compareIdentifiers(left, right);
    if (order !== 0) return order;
  }
  return a.prerelease.length - b.prerelease.length;
}

function compareIdentifiers(a: string | number, b: string | number): number {
  if (typeof a === 'number') return typeof b === 'number' ? a - b : -1;
  if (typeof b === 'number') return 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
