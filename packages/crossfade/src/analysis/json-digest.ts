import { createHash } from 'node:crypto';

/**
 * SHA-256 of a JSON value in one canonical form (members by name, no spaces), so that a document which was written,
 * read, indented or reordered still has its digest, and one in which a value changed has not. It shows a change; it
 * does not say who made the document.
 */
export function jsonDigest(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/** Members in the order of their names (UTF-16 units); a member that JSON leaves out is left out. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((each) => canonicalJson(each ?? null)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}
