import { describe } from '@crossfade/sdk/flags/document';
import type * as z from 'zod';

type Issue = z.core.$ZodIssue;

/** What is wrong at one place of a configuration: where, what was expected, what is there. */
export function problemsOf(issue: Issue): readonly string[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => `${pathText([...issue.path, key])}: expected no such key`);
  const place = pathText(issue.path);
  const expected = expectedBy(issue);
  if (!expected.startsWith('expected ') || expected.includes(', got ')) return [`${place}: ${expected}`];
  return [`${place}: ${expected}, got ${describe(issue.input)}`];
}

const types: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
};

function expectedBy(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${types[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `expected one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `expected at least ${sizeText(issue.minimum, issue.origin)}`;
    case 'too_big':
      return `expected at most ${sizeText(issue.maximum, issue.origin)}`;
    case 'invalid_format':
      return issue.format === 'url' ? 'expected an http:// or https:// address' : issue.message;
    case 'invalid_key':
      return 'expected another name';
    default:
      return issue.message.replace(/^Invalid input$/, 'expected another value');
  }
}

/** Of a text its characters count, of a list its entries, of a number itself. */
function sizeText(limit: number | bigint, origin: string): string {
  if (origin === 'string') return `${limit} ${limit === 1 ? 'character' : 'characters'}`;
  return origin === 'array' ? `${limit} ${limit === 1 ? 'entry' : 'entries'}` : `${limit}`;
}

function pathText(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the file';
  return path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${String(part)}`))
    .join('');
}
