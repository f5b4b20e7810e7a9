import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filesOf, root } from './repository.ts';

/**
 * The walls as STYLE has them, written here a second time on purpose: a slip in the table of
 * .dependency-cruiser.mjs must not be able to agree with itself.
 */
const mayImport: Readonly<Record<string, string>> = {
  core: '',
  flags: 'core',
  client: 'core flags',
  transcript: 'core flags',
  signal: 'core',
  analysis: 'core flags transcript',
  rollout: 'core flags transcript analysis',
  wire: 'core flags transcript signal analysis rollout',
  engines: 'core transcript signal',
  journal: 'core',
  store: 'core flags transcript analysis rollout',
  controller: 'core flags transcript analysis rollout store',
  gateway: 'core flags transcript wire journal store',
  pipelines: 'core transcript signal wire engines',
  notify: 'core rollout store controller',
  server: 'core flags transcript wire store controller gateway',
  acceptance: 'core flags client transcript signal analysis wire journal',
  cli: 'core flags client transcript signal analysis rollout wire engines journal store controller gateway notify pipelines server acceptance',
};
const rooms = Object.keys(mayImport);
const sdkRooms = ['core', 'flags', 'client'];
const folderOf = (room: string): string =>
  `packages/${sdkRooms.includes(room) ? 'sdk' : 'crossfade'}/src/${room}`;

/** An import of `to` as a file of `from` would write it. */
function specifier(from: string, to: string): string {
  if (sdkRooms.includes(to))
    return sdkRooms.includes(from) ? `../${to}/room.ts` : `@crossfade/sdk/${to}/room`;
  return sdkRooms.includes(from) ? `../../../crossfade/src/${to}/room.ts` : `../${to}/room.ts`;
}

/** One breach per file, beside the room it stands in. */
const planted: readonly { readonly rule: string; readonly path: string; readonly text: string }[] = [
  {
    rule: 'adapters-only-in-cli',
    path: 'packages/crossfade/src/controller/adapter.ts',
    text: "import '../store/memory/room.ts';",
  },
  {
    rule: 'adapters-do-not-meet',
    path: 'packages/crossfade/src/store/sqlite/other.ts',
    text: "import '../memory/room.ts';",
  },
  {
    rule: 'sdk-stands-alone',
    path: 'packages/sdk/src/client/node.ts',
    text: "import { readFileSync } from 'node:fs';\nexport const read = readFileSync;",
  },
  {
    rule: 'pure-rooms-do-no-io',
    path: 'packages/crossfade/src/analysis/reads.ts',
    text: "import { readFileSync } from 'node:fs';\nexport const read = readFileSync;",
  },
  {
    rule: 'no-circles',
    path: 'packages/crossfade/src/gateway/circle-a.ts',
    text: "import type { B } from './circle-b.ts';\nexport type A = { b: B };",
  },
  { rule: 'no-lost-imports', path: 'packages/crossfade/src/gateway/lost.ts', text: "import './nowhere.ts';" },
  {
    rule: 'rooms-have-walls',
    path: 'packages/crossfade/src/cellar/new.ts',
    text: "import '../store/room.ts';",
  },
  {
    rule: 'no-tests-in-code',
    path: 'packages/crossfade/src/gateway/tested.ts',
    text: "import './some.test.ts';",
  },
];

interface Violation {
  readonly from: string;
  readonly rule: { readonly name: string };
}

let folder: string;
let violations: readonly Violation[];

/** A checkout of empty rooms in which every room imports every other one, and each other rule is broken once. */
function plant(): void {
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), `${text}\n`);
  };
  for (const room of rooms) write(`${folderOf(room)}/room.ts`, 'export const room = 1;');
  for (const from of rooms) {
    for (const to of rooms) {
      if (from !== to) write(`${folderOf(from)}/to-${to}.ts`, `import '${specifier(from, to)}';`);
    }
  }
  write('packages/crossfade/src/store/memory/room.ts', 'export const room = 1;');
  write('packages/crossfade/src/gateway/some.test.ts', "import '../server/room.ts';");
  write(
    'packages/crossfade/src/gateway/circle-b.ts',
    "import type { A } from './circle-a.ts';\nexport type B = { a: A };",
  );
  for (const { path, text } of planted) write(path, text);
  for (const file of [
    '.dependency-cruiser.mjs',
    'tsconfig.test.json',
    'tsconfig.base.json',
    'packages/sdk/package.json',
  ]) {
    cpSync(join(root, file), join(folder, file));
  }
  mkdirSync(join(folder, 'node_modules/@crossfade'), { recursive: true });
  symlinkSync(join(folder, 'packages/sdk'), join(folder, 'node_modules/@crossfade/sdk'));
}

async function cruise(): Promise<readonly Violation[]> {
  const program = join(root, 'node_modules/.bin/depcruise');
  const args = [
    '--config',
    '.dependency-cruiser.mjs',
    '-T',
    'json',
    'packages/sdk/src',
    'packages/crossfade/src',
  ];
  const stdout = await new Promise<string>((resolve, reject) => {
    execFile(program, args, { cwd: folder, maxBuffer: 64_000_000 }, (error, out) => {
      // It exits with the number of violations, which is what we came for.
      if (out === '') reject(error ?? new Error('Expected a report of dependency-cruiser, got nothing.'));
      else resolve(out);
    });
  });
  return (JSON.parse(stdout) as { summary: { violations: readonly Violation[] } }).summary.violations;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'crossfade-walls-'));
  plant();
  violations = await cruise();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the walls', () => {
  test.each(rooms)('let %s import what its floor allows and refuse the rest', (from) => {
    const refused = rooms.filter((to) =>
      violations.some(
        ({ rule, from: file }) => rule.name === `${from}-walls` && file === `${folderOf(from)}/to-${to}.ts`,
      ),
    );

    const allowed = (mayImport[from] ?? '').split(' ');
    expect(refused).toEqual(rooms.filter((to) => to !== from && !allowed.includes(to)));
  });

  test.each(planted)('refuse a breach of $rule', ({ rule, path }) => {
    expect(
      violations.filter((violation) => violation.from === path).map((violation) => violation.rule.name),
    ).toContain(rule);
  });

  test('let a test import what its room may not', () => {
    const path = 'packages/crossfade/src/gateway/some.test.ts';

    expect(violations.filter((violation) => violation.from === path)).toEqual([]);
  });

  test('stand around every room there is', () => {
    const found = filesOf('packages/sdk/src', 'packages/crossfade/src')
      .map((file) => /^packages\/\w+\/src\/([^/]+)\//.exec(file)?.[1])
      .filter((room) => room !== undefined);

    expect([...new Set(found)].filter((room) => !rooms.includes(room))).toEqual([]);
  });
});
