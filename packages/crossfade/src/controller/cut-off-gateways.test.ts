import { Evaluator } from '@crossfade/sdk/flags/evaluator';
import { describe, expect, it } from 'vitest';
import type { Judgement } from '../rollout/verdict.ts';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import type { SessionRecord, SessionSignal } from '../transcript/session-record.ts';
import { name, World } from './control-world.fixture.ts';
import { planDocument, sessionOf } from './rollout.fixture.ts';

const minuteMs = 60_000;
const tickMs = 30_000;
const earlyMs = 2 * minuteMs;
const sessionMs = 4 * minuteMs;
const plan = { ...planDocument, stages: [{ name: '50', share: 50, bake: '24h' }] };

/** One of several gateways: the real evaluator, and reports that it keeps while it is cut off. */
class Gateway {
  readonly #world: World;
  readonly #id: string;
  readonly #evaluator: Evaluator;
  readonly #kept: (() => Promise<unknown>)[] = [];
  #disconnect: (() => void) | null = null;
  #sessions = 0;

  constructor(world: World, id: string) {
    this.#world = world;
    this.#id = id;
    this.#evaluator = new Evaluator({ clock: world.clock });
  }

  cut(): void {
    this.#disconnect?.();
    this.#disconnect = null;
  }

  /** Hears the control plane, answers it, and brings what was kept. */
  async hear(): Promise<void> {
    const { evaluators, manager } = this.#world;
    this.#disconnect ??= evaluators.connected(this.#id, 'gateway', { answers: true });
    this.#evaluator.apply(manager.ruleset());
    this.#evaluator.heard();
    evaluators.acknowledged(this.#id, this.#evaluator.revision);
    for (const bring of this.#kept.splice(0)) await bring();
  }

  /** A session begins, is heard of again after two minutes, and is over after four. */
  admit(): void {
    const { clock, sessions } = this.#world;
    const id = `${this.#id}-${this.#sessions++}`;
    const decision = this.#evaluator.evaluate('transcription', { targetingKey: id });
    const { variant, reason, rule, rollout } = decision;
    const arm = variant === 'streaming' ? 'candidate' : 'control';
    const epoch = rollout?.epoch ?? 0;
    const userHash = Buffer.from(id).toString('hex').slice(-16).padStart(16, '0');
    const decided = { arm, reason, userHash, ...(rule === undefined ? {} : { rule }) } as const;
    const startedAtMs = clock.nowMs();
    const about = { ...decided, sessionId: id, rollout: { name, epoch }, startedAtMs };
    const signals: readonly SessionSignal[] = [{ ...about, kind: 'started' }];
    const early: readonly SessionSignal[] = [{ ...about, kind: 'early', failed: false }];
    const ended = sessionOf({ id, arm, epoch, endedAtMs: startedAtMs + sessionMs });
    const assignment = { ...ended.assignment, ...decided };
    const record: SessionRecord = { ...ended, assignment, startedAtMs };
    this.#bring(0, () => sessions.saveSignals(signals, clock.nowMs()));
    this.#bring(earlyMs, () => sessions.saveSignals(early, clock.nowMs()));
    this.#bring(sessionMs, () => sessions.saveSession(record, null, clock.nowMs()));
  }

  #bring(inMs: number, bring: () => Promise<unknown>): void {
    this.#world.clock.after(inMs, () => this.#kept.push(bring));
  }
}

/** Sessions that each of the gateways begins every half a minute. */
const rates = { a: 6, b: 2, c: 1 };

interface Cut {
  readonly fromMinute: number;
  readonly toMinute: number;
  /** So many of the gateways, the busiest first. */
  readonly gateways: number;
}

/** Half of the users on a good candidate. What the judge said, and what became of the rollout. */
async function lived(cut: Cut, minutes: number) {
  const [store, sessions] = [createMemoryRolloutStore(), createMemorySessionStore()];
  const world = await World.open({ plan, store, sessions, gateway: false, loop: { tickMs } });
  const gateways = Object.entries(rates).map(([id, rate]) => ({ gateway: new Gateway(world, id), rate }));
  for (let atMs = 0; atMs < minutes * minuteMs; atMs += tickMs) {
    const isCut = atMs >= cut.fromMinute * minuteMs && atMs < cut.toMinute * minuteMs;
    for (const [at, { gateway, rate }] of gateways.entries()) {
      if (isCut && at < cut.gateways) gateway.cut();
      else await gateway.hear();
      for (let i = 0; i < rate; i++) gateway.admit();
    }
    await world.loop.tick();
    world.clock.advance(tickMs);
  }
  const history = await world.manager.history(name);
  const judgements = history.flatMap(({ type, event }) =>
    type === 'judged' ? [(event as { readonly judgement: Judgement }).judgement] : [],
  );
  const said = new Set(
    judgements.map(({ verdict: { verdict }, sharedIncident }) =>
      sharedIncident === true ? 'shared incident' : verdict,
    ),
  );
  return { ...world.status, said: [...said], last: judgements.at(-1) };
}

describe('gateways that a network cuts off for longer than their leases', () => {
  it.each([
    [1, 10],
    [1, 20],
    [3, 20],
  ])(
    'say that no coin gave control its sessions: nothing is broken, %d of three from minute %d on',
    async (gateways, fromMinute) => {
      const { state, said } = await lived({ gateways, fromMinute, toMinute: fromMinute + 10 }, 55);

      expect(said).toEqual(['no-data', 'inconclusive']);
      expect(state).toBe('running');
    },
  );

  it('are an incident of both arms when reports of one are late for it: held, and judged on in another epoch', async () => {
    const cut = { gateways: 1, fromMinute: 20, toMinute: 65 };
    const { state, epoch, said, last } = await lived(cut, 120);

    expect(said).toEqual(['no-data', 'inconclusive', 'shared incident']);
    expect([state, epoch]).toEqual(['running', 2]);
    expect(last?.verdict.sentence).toContain('Nothing is shown bad');
    expect(last?.sharedIncident).toBeUndefined();
  });
});
