import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasCode } from '@crossfade/sdk/core/errors';
import { below, type Random, seededRandom } from '@crossfade/sdk/core/random';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { planDocument } from '../../controller/rollout.fixture.ts';
import { eventOf } from '../../controller/read-event.ts';
import { ControlClient } from '../../server/control-client.ts';
import type { StoredEvent } from '../../store/store.ts';
import { dataPaths } from '../data-folder.ts';
import { toneSystem } from '../supervisor/system.fixture.ts';
import { noticesWanted, storedRollouts } from './stored-rollouts.fixture.ts';

const kills = Number(process.env['CROSSFADE_CONTROL_KILLS'] ?? 50);
const seed = Number(process.env['CROSSFADE_SEED'] ?? 1);
/** A start takes half a second, on a busy machine five. */
const limitMs = 10_000 * kills;
const rollouts = ['first', 'second', 'third'] as const;
const program = fileURLToPath(new URL('../../../bin/crossfade.js', import.meta.url));

let dataDir: string;
let child: ChildProcess | undefined;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'crossfade-kill-'));
});
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(dataDir, { recursive: true, force: true });
});

/** The built program's control plane, as the supervisor starts it. */
async function startBuilt(): Promise<ChildProcess> {
  child = fork(program, ['process', 'control-plane'], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [],
  });
  const addresses = { host: '127.0.0.1', controlPort: 0, gatewayPort: 0, pipelinePorts: {} };
  child.send({ type: 'start', settings: { dataDir, config: toneSystem, addresses, bakeClockSpeed: 1 } });
  const [message] = (await once(child, 'message')) as [{ readonly type: string }];
  expect(message).toMatchObject({ type: 'ready' });
  return child;
}

/** What was asked for, by its reason, which no other command has; `changed` when the answer said that it did something. */
interface Asked {
  readonly reason: string;
  readonly rollout: string;
  readonly changed: boolean;
}

/** Steers one rollout until the process is gone; each answer is noted. */
async function steer(
  client: ControlClient,
  name: string,
  run: number,
  random: Random,
  answered: (asked: Asked) => void,
): Promise<void> {
  for (let at = 0; ; at++) {
    const reason = `${name} ${run}.${at}`;
    const by = { actor: 'ana', reason };
    try {
      const before = await client.rollout(name);
      const command = before.disabled
        ? 'enable'
        : (['disable', before.state === 'paused' ? 'resume' : 'pause'] as const)[below(random, 2)]!;
      const after = await client.command(name, command, by);
      answered({
        reason,
        rollout: name,
        changed: after.state !== before.state || after.disabled !== before.disabled,
      });
    } catch (error) {
      if (hasCode(error, 'CONTROL_PLANE_UNREACHABLE')) return;
      throw error;
    }
  }
}

test(
  `a control plane that is killed ${kills} times loses no answered command and takes none twice (seed ${seed})`,
  { timeout: limitMs },
  async () => {
    const random = seededRandom(seed);
    const answers: Asked[] = [];
    let known: readonly StoredEvent[] = [];
    for (let run = 0; run < kills; run++) {
      const running = await startBuilt();
      const client = await ControlClient.forDataFolder(dataDir);
      if (run === 0) {
        for (const name of rollouts) {
          const by = { actor: 'ana', reason: `${name} begins` };
          await client.apply({ ...planDocument, name, flag: `flag-${name}` }, by);
          await client.command(name, 'start', by);
          await client.command(name, 'waive-acceptance', by);
        }
      }
      let left = 1 + below(random, 25);
      const gone = once(running, 'exit');
      await Promise.all(
        rollouts.map((name) =>
          steer(client, name, run, random, (asked) => {
            answers.push(asked);
            // In the middle of what the two others asked for.
            if (--left === 0) running.kill('SIGKILL');
          }),
        ),
      );
      expect((await gone)[1]).toBe('SIGKILL');
      const { damage, events, notices } = await storedRollouts(dataPaths(dataDir).rollouts);
      expect(damage).toBeNull();
      // What was there before is there as it was, and nothing stands between.
      expect(events.slice(0, known.length)).toEqual(known);
      expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, at) => at + 1));
      expect(notices).toEqual(noticesWanted(events));
      known = events;
    }
    const taken = new Map<string, number>();
    for (const { reason } of known.map(eventOf)) taken.set(reason, (taken.get(reason) ?? 0) + 1);
    const changing = answers.filter(({ changed }) => changed);
    expect(changing.length).toBeGreaterThan(kills);
    expect(changing.filter(({ reason }) => taken.get(reason) !== 1)).toEqual([]);
    // Those that were cut off before their answer as well.
    expect([...taken].filter(([reason, count]) => /^\w+ \d+[.]\d+$/.test(reason) && count > 1)).toEqual([]);
  },
);
