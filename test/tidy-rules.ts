/** A rule of style that no other tool has. */
export interface TidyRule {
  readonly name: string;
  /** Which files it reads. */
  readonly applies: (path: string) => boolean;
  /** What may not stand in a line. */
  readonly pattern: RegExp;
  /** What to write instead. */
  readonly instead: string;
  /** A line that breaks it, so that the rule is known to bite. */
  readonly breach: string;
  /** A line that looks like one and is fine. */
  readonly fine: string;
}

const isCode = (path: string): boolean => /\.(ts|mjs|js)$/.test(path);
const isTest = (path: string): boolean => /(^test\/|\.(test|contract|fixture)\.ts$)/.test(path);
const isShipped = (path: string): boolean => path.startsWith('packages/') && isCode(path) && !isTest(path);
const isAny = (): boolean => true;

/** A word of another product for a thing that has a name here. */
function word(wrong: string, breach: string, instead: string): TidyRule {
  return {
    name: `one word for one thing: not "${wrong}"`,
    applies: (path) => isShipped(path) || path.endsWith('.md'),
    pattern: new RegExp(`\\b${wrong}s?\\b`, 'i'),
    instead,
    breach,
    fine: `a${wrong}b`,
  };
}

export const tidyRules: readonly TidyRule[] = [
  {
    name: 'nothing is left for later in the code',
    applies: isAny,
    pattern: /\b(TODO|FIXME|XXX|HACK)\b|\bnot implemented\b/i,
    instead: 'finish it, or leave it out and say so in the documentation',
    breach: '// TODO: the other half',
    fine: 'const todos = [];',
  },
  {
    name: 'no path of one machine',
    applies: isAny,
    pattern: /(^|[^\w.)}/-])\/(work|root|home|Users)\/\w/,
    instead: 'a path relative to the checkout, or the temp folder the system names',
    breach: "const data = '/home/ana/data';",
    fine: "import '../src/work/journal.ts'; // /workspaces",
  },
  {
    name: 'no registry is named',
    applies: isAny,
    pattern: /\bregistry\.[a-z][\w-]*\.[a-z]|\b(verdaccio|artifactory|nexus)\b/i,
    instead: 'the name of the package alone; each machine has its own registry',
    breach: 'npm i --registry https://registry.example.com/',
    fine: 'the registry. It answers',
  },
  {
    name: 'no test runs alone or waits to be written',
    applies: isTest,
    pattern: /\b(test|it|describe|suite)\.(only|todo)\b|\b(fit|fdescribe|xit|xtest)\(/,
    instead: 'all tests; one that cannot run is skipped by name, with its reason in test/known-skips.json',
    breach: "test.only('one', () => {});",
    fine: "test('only one', () => {});",
  },
  {
    name: 'time and chance are arguments',
    applies: (path) => isShipped(path) && !path.startsWith('packages/sdk/src/core/'),
    pattern: /\bDate\.now\b|\bMath\.random\b|\bnew Date\(\)|\brandomInt\(/,
    instead:
      "a Clock or a Random that is handed in; the machine's own are systemClock and systemRandom of core",
    breach: 'const startedAtMs = Date.now();',
    fine: 'new Date(startedAtMs).toISOString()',
  },
  {
    name: 'no state in a module',
    // The main of a process of its own has that process to itself.
    applies: (path) => isShipped(path) && !/(^|[/-])(main|child)\.ts$/.test(path),
    pattern: /^(export )?(let|var) /,
    instead: 'a class or a function that owns it: tests share a process, and so may two gateways',
    breach: 'let sessions = 0;',
    fine: '  let sessions = 0;',
  },
  {
    name: 'a name ends with its unit',
    // What travels keeps the names its protocol gave it.
    applies: (path) => isShipped(path) && !/\/(wire\/[^/]+|client\/messages)\.ts$/.test(path),
    pattern:
      /\b\w*([tT]imeout|[dD]elay|[iI]nterval|[lL]atency|[dD]uration|[bB]ackoff|[lL]ease|[eE]lapsed)\??: number\b/,
    instead: 'the unit last: timeoutMs, durationSamples',
    breach: 'readonly timeout: number;',
    fine: 'readonly timeoutMs: number;',
  },
  {
    name: 'no test waits on the real clock',
    applies: (path) => isTest(path) && isCode(path),
    pattern: /setTimeout\((resolve|done|r)\b|\bsleep\(/,
    instead: 'move the fake clock, or await the event with a limit',
    breach: 'await new Promise((resolve) => setTimeout(resolve, 100));',
    fine: 'setTimeout(() => child.kill(), limitMs)',
  },
  word('pod', 'the candidate pods', 'process, or pipeline'),
  word('whitelist', 'a whitelist of users', 'audience, or override'),
  word('cohort', 'a cohort of users', 'audience'),
  word('treatment', 'the treatment group', 'candidate'),
  word('user segment', 'user segments', 'audience: a segment is speech here'),
];

/** Names that say nothing of what a file does. */
export const vagueFileName =
  /(^|\/)(utils?|helpers?|types|interfaces|common|misc|shared|constants|lib)\.(ts|mjs|js)$/;

/** Longest file. One past it usually hides two things: look for the seam. */
export const fileLinesMax = 400;

export interface Finding {
  readonly at: string;
  readonly line: string;
}

/** Lines of `text` that break `rule`. */
export function breaches(rule: TidyRule, path: string, text: string): readonly Finding[] {
  if (!rule.applies(path)) return [];
  return text
    .split('\n')
    .map((line, index) => ({
      at: `${path}:${index + 1}`,
      line: line.trim(),
      isBreach: rule.pattern.test(line),
    }))
    .filter(({ isBreach }) => isBreach)
    .map(({ at, line }) => ({ at, line: line.slice(0, 120) }));
}

/** Modules of this repository that a file names: imports, exports from, dynamic imports, paths of child programs. */
export function importsOf(text: string): readonly string[] {
  const pattern = /'(\.{1,2}\/[^']+\.(?:ts|js)|@crossfade\/sdk\/[^']+)'/g;
  return [...text.matchAll(pattern)].map((match) => match[1] ?? '');
}
