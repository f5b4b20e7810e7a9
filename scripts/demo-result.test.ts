import { expect, test } from 'vitest';
import { demoProblems } from './demo-result.ts';

const good = {
  audioOfferedMs: 60_000,
  audioLostMs: 0,
  duplicateEntries: 0,
  orphans: 0,
  sessions: { legacy: 10, streaming: 12 },
  engines: { tone: 22 },
  acceptance: { result: 'passed' },
  rollouts: [
    { name: 'streaming', state: 'completed', stages: [] },
    { name: 'streaming-2', state: 'rolled-back', stages: [], receipt: { sessions: [] } },
  ],
};
const outputOf = (changes: object): string => `starting\n${JSON.stringify({ ...good, ...changes })}\n`;

test('a demo that kept its promises has no problem', () => {
  expect(demoProblems(0, outputOf({}))).toEqual([]);
});

test.each<readonly [string, number, string, string]>([
  ['an exit code other than 0', 1, outputOf({}), 'exit code 0, got 1'],
  ['no object in the last line', 0, 'done\n', 'one JSON object'],
  ['no audio', 0, outputOf({ audioOfferedMs: 0 }), 'audio to flow'],
  ['audio lost', 0, outputOf({ audioLostMs: 20 }), 'audioLostMs 0, got 20'],
  ['audio nobody counted', 0, outputOf({ audioLostMs: undefined }), 'audioLostMs 0, got undefined'],
  ['a duplicate', 0, outputOf({ duplicateEntries: 1 }), 'duplicateEntries 0, got 1'],
  [
    'no session of one pipeline',
    0,
    outputOf({ sessions: { legacy: 10, streaming: 0 } }),
    'sessions of every pipeline',
  ],
  ['no acceptance', 0, outputOf({ acceptance: null }), 'acceptance to pass, got undefined'],
  ['no engines', 0, outputOf({ engines: {} }), 'sessions by engine'],
  ['no orphan count', 0, outputOf({ orphans: undefined }), 'orphans'],
  ['a rollout that did not complete', 0, outputOf({ rollouts: [good.rollouts[1]] }), 'one rollout completed'],
  ['no rollback', 0, outputOf({ rollouts: [good.rollouts[0]] }), 'one rollout rolled-back'],
  [
    'no receipt',
    0,
    outputOf({ rollouts: [good.rollouts[0], { name: 'b', state: 'rolled-back', stages: [] }] }),
    'a receipt',
  ],
])('%s is a problem', (_what, exitCode, stdout, words) => {
  expect(demoProblems(exitCode, stdout).join('\n')).toContain(words);
});
