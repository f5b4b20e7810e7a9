import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson, jsonDigest } from './json-digest.ts';

describe('the digest of a document', () => {
  test('is that of its canonical text', () => {
    expect(canonicalJson({ b: [1, null, 'é"'], a: { d: undefined, c: -0 } })).toBe(
      '{"a":{"c":0},"b":[1,null,"é\\""]}',
    );
    // printf '{}' | sha256sum
    expect(jsonDigest({})).toBe('44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
  });

  test('stays when the document travels as JSON, indented or not', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(jsonDigest(JSON.parse(JSON.stringify(value, null, 2)))).toBe(jsonDigest(value));
      }),
    );
  });

  test('does not depend on the order of members, and does on that of a list', () => {
    expect(jsonDigest({ a: 1, b: 2 })).toBe(jsonDigest({ b: 2, a: 1 }));
    expect(jsonDigest([1, 2])).not.toBe(jsonDigest([2, 1]));
  });

  test('tells values apart that look alike', () => {
    const alike = ['1', 1, [1], { 1: 1 }, null, 'null', '', [], {}];
    expect(new Set(alike.map(jsonDigest)).size).toBe(alike.length);
  });
});
