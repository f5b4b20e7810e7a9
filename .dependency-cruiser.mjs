/**
 * The walls between the rooms. An arrow may only go down, and there are no circles, type-only ones included.
 * docs/architecture.md draws the same table; test/walls.test.ts plants a breach in every room and expects a refusal.
 */

/** Rooms that live in the SDK; every other room lives in packages/crossfade. */
const sdkRooms = ['core', 'flags', 'client'];

/** What each room may import, itself aside. */
export const mayImport = {
  // Floor 0
  core: [],
  // Floor 1: pure, no I/O, no clock of their own
  flags: ['core'],
  client: ['core', 'flags'],
  transcript: ['core', 'flags'],
  signal: ['core'],
  // Floor 2 and 3: pure
  analysis: ['core', 'flags', 'transcript'],
  rollout: ['core', 'flags', 'transcript', 'analysis'],
  // Floor 4: they save, send and run
  wire: ['core', 'flags', 'transcript', 'signal', 'analysis', 'rollout'],
  engines: ['core', 'transcript', 'signal'],
  journal: ['core'],
  store: ['core', 'flags', 'transcript', 'analysis', 'rollout'],
  // Floor 5: they read a clock
  controller: ['core', 'flags', 'transcript', 'analysis', 'rollout', 'store'],
  gateway: ['core', 'flags', 'transcript', 'wire', 'journal', 'store'],
  // Floor 6
  notify: ['core', 'rollout', 'store', 'controller'],
  pipelines: ['core', 'transcript', 'signal', 'wire', 'engines'],
  server: ['core', 'flags', 'transcript', 'wire', 'store', 'controller', 'gateway'],
  acceptance: ['core', 'flags', 'client', 'transcript', 'signal', 'analysis', 'wire', 'journal'],
  // Floor 7: the one place where adapters are chosen and wired
  cli: [
    ...[
      'core',
      'flags',
      'client',
      'transcript',
      'signal',
      'analysis',
      'rollout',
      'wire',
      'engines',
      'journal',
    ],
    ...['store', 'controller', 'gateway', 'notify', 'pipelines', 'server', 'acceptance'],
  ],
};

/** The folder of a room, as a pattern. */
function folder(room) {
  return `packages/${sdkRooms.includes(room) ? 'sdk' : 'crossfade'}/src/${room}/`;
}

const anyRoom = '^packages/(sdk|crossfade)/src/';
// Tests, the suites that every adapter of a port runs, and what only they need. None of it ships.
const tests = '[.](test|contract|fixture)[.]ts$';

const walls = Object.entries(mayImport).map(([room, below]) => ({
  name: `${room}-walls`,
  comment: `${room} may import ${below.length === 0 ? 'nothing' : below.join(', ')}.`,
  severity: 'error',
  from: { path: `^${folder(room)}`, pathNot: tests },
  to: { path: anyRoom, pathNot: `^(${[room, ...below].map(folder).join('|')})` },
}));

const rules = [
  {
    name: 'rooms-have-walls',
    comment: 'A folder that is not in the table of rooms has no walls: add it to .dependency-cruiser.mjs.',
    severity: 'error',
    from: { path: `${anyRoom}[^/]+/`, pathNot: `^(${Object.keys(mayImport).map(folder).join('|')})` },
    to: {},
  },
  {
    name: 'adapters-only-in-cli',
    comment:
      'Only the command line chooses a store, and the public face offers them; everybody else is handed one through its port.',
    severity: 'error',
    from: { path: anyRoom, pathNot: `^packages/crossfade/src/((cli|store)/|index[.]ts$)|${tests}` },
    to: { path: '^packages/crossfade/src/store/[^/]+/' },
  },
  {
    name: 'adapters-do-not-meet',
    comment: 'A store adapter knows the port, never another adapter.',
    severity: 'error',
    from: { path: '^packages/crossfade/src/store/([^/]+)/', pathNot: tests },
    to: { path: '^packages/crossfade/src/store/[^/]+/', pathNot: '^packages/crossfade/src/store/$1/' },
  },
  {
    name: 'sdk-stands-alone',
    comment:
      'The SDK has no dependencies and runs in a browser: nothing from Node, from npm or from the server.',
    severity: 'error',
    from: { path: '^packages/sdk/src/', pathNot: tests },
    to: { pathNot: '^packages/sdk/src/' },
  },
  {
    name: 'pure-rooms-do-no-io',
    comment: 'Judgement takes data and answers data; only floor 4 and up saves, sends and runs.',
    severity: 'error',
    from: {
      path: `^(${['core', 'flags', 'transcript', 'signal', 'analysis', 'rollout'].map(folder).join('|')})`,
      pathNot: tests,
    },
    to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
  },
  {
    name: 'no-circles',
    comment: 'Files that import each other are one file, or hide a third.',
    severity: 'error',
    from: {},
    to: { circular: true },
  },
  {
    name: 'no-lost-imports',
    comment: 'An import that cannot be resolved would pass every wall.',
    severity: 'error',
    from: { path: anyRoom },
    to: { couldNotResolve: true },
  },
  {
    name: 'no-tests-in-code',
    severity: 'error',
    comment: 'Code that ships does not import tests or what only tests need.',
    from: { path: anyRoom, pathNot: tests },
    to: { path: `${tests}|^node_modules/(vitest|fast-check|tsx|@deepgram)/` },
  },
];

export default {
  forbidden: [...walls, ...rules],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.test.json' },
    doNotFollow: { path: 'node_modules|/dist/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'default'],
    },
  },
};
