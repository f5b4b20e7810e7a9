import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import type { Log } from '@crossfade/sdk/core/log';
import { Hono } from 'hono';
import type { Comparison } from '../controller/comparison.ts';
import type { DeadLetters } from '../controller/dead-letters.ts';
import type { EvaluatorRegistry } from '../controller/evaluator-registry.ts';
import { refuseUnknownUpstreams, refuseUnservable } from '../controller/known-upstreams.ts';
import type { ProcessSamples } from '../controller/process-samples.ts';
import type { TestNotices } from '../controller/test-notice.ts';
import type { By, RolloutManager } from '../controller/rollout-manager.ts';
import type { RolloutStatus } from '../controller/rollout-status.ts';
import { takeUnreported } from '../controller/unreported-sessions.ts';
import type { SessionStore } from '../store/store.ts';
import * as wire from '../wire/control.ts';
import { parseProcessSamples, type ProcessSamplesAnswer } from '../wire/process-samples.ts';
import { carriesToken } from './control-token.ts';
import { addDeadLetterRoutes } from './dead-letter-routes.ts';
import { eventStream } from './event-stream.ts';
import { jsonBody as json } from './json-body.ts';
import { refuseUnheard, rulesetStream } from './ruleset-stream.ts';
import { addTestNoticeRoute } from './test-notice-route.ts';

export interface ControlAppOptions {
  readonly manager: RolloutManager;
  /** The control plane's own copy of session records, for the judge. */
  readonly sessions: SessionStore;
  readonly evaluators: EvaluatorRegistry;
  /** What each process costs, as the supervisor sees it. */
  readonly processes: ProcessSamples;
  readonly token: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Both arms of a rollout as of the last look; null: it was not looked at yet. */
  readonly comparison?: (rollout: string) => Promise<Comparison | null>;
  /** Absent: nothing of the outbox is served. */
  readonly deadLetters?: DeadLetters;
  /** Absent: no target can be tried. */
  readonly testNotices?: TestNotices;
  /** An acknowledgement or a drain report came: a rollback may be done. */
  readonly onAnswer?: () => void;
  /** Aborts when the server closes: streams end. */
  readonly closing?: AbortSignal;
}

type Tell = (manager: RolloutManager, name: string, body: unknown) => Promise<RolloutStatus>;

const who = '{"actor": "...", "reason": "..."}';
const withPlan = '{"actor": "...", "reason": "...", "plan": <YAML text or an object>}';

const withReport = '{"actor": "...", "reason": "...", "report": <JSON text or an object>}';

/** A command that needs no more than who and why. */
function plain(tell: (manager: RolloutManager, name: string, by: By) => Promise<RolloutStatus>): Tell {
  return (manager, name, body) => tell(manager, name, wire.parseMessage(wire.commandSchema, body, who));
}

const commands: Readonly<Record<wire.CommandName, Tell>> = {
  start: plain((manager, name, by) => manager.start(name, by)),
  'waive-acceptance': plain((manager, name, by) => manager.waiveAcceptance(name, by)),
  accept: (manager, name, body) => {
    const { report, ...by } = wire.parseMessage(wire.acceptSchema, body, withReport);
    return manager.accept(name, report, by);
  },
  advance: (manager, name, body) => {
    const what = `${who}, and "withoutPass": true to go on without one`;
    const { withoutPass = false, ...by } = wire.parseMessage(wire.advanceSchema, body, what);
    return manager.advance(name, { ...by, withoutPass });
  },
  approve: (manager, name, body) => {
    const { stage, ...by } = wire.parseMessage(wire.approveSchema, body, `${who}, and "stage"`);
    return manager.approve(name, { ...by, ...(stage === undefined ? {} : { stage }) });
  },
  pause: plain((manager, name, by) => manager.pause(name, by)),
  resume: plain((manager, name, by) => manager.resume(name, by)),
  disable: plain((manager, name, by) => manager.disable(name, by)),
  enable: plain((manager, name, by) => manager.enable(name, by)),
  revise: (manager, name, body) => {
    const { plan, ...by } = wire.parseMessage(wire.reviseSchema, body, withPlan);
    return manager.revise(name, plan, by);
  },
  rollback: (manager, name, body) => {
    const { policy, ...by } = wire.parseMessage(wire.rollbackSchema, body, `${who}, and "policy"`);
    return manager.rollback(name, { ...by, ...(policy === undefined ? {} : { policy }) });
  },
};

/** The control plane's HTTP surface; `docs/control-plane.md` lists it. Needs no port to be tested. */
export function createControlApp(options: ControlAppOptions): Hono {
  const app = new Hono();
  app.onError((error, context) => {
    const known = error instanceof CrossfadeError ? error : undefined;
    if (known === undefined)
      options.log.error({ error: messageOf(error), path: context.req.path }, 'request failed');
    const { code, message, detail, status } =
      known ?? new CrossfadeError('INTERNAL', 'The control plane failed on this request; its log says more.');
    return context.json({ code, message, ...(detail === undefined ? {} : { detail }) }, status as 500);
  });
  app.notFound((context) => {
    const message = `Expected one of the routes under /v1 or /healthz, got ${context.req.method} ${context.req.path}.`;
    return context.json({ code: 'USAGE', message }, 404);
  });
  app.get('/healthz', (context) => {
    const { mayBeHeard: ok } = options.manager;
    return context.json({ ok, revision: options.manager.ruleset().revision }, ok ? 200 : 503);
  });
  app.use('/v1/*', async (context, next) => {
    if (carriesToken(context.req.header('authorization'), options.token)) return next();
    const message =
      'Expected "Authorization: Bearer <token>" with the token of the data folder, got none or another.';
    throw new CrossfadeError('UNAUTHORIZED', message);
  });
  addEvaluatorRoutes(app, options);
  addTelemetryRoutes(app, options);
  addRolloutRoutes(app, options);
  if (options.deadLetters !== undefined) addDeadLetterRoutes(app, options.deadLetters);
  if (options.testNotices !== undefined) addTestNoticeRoute(app, options.testNotices);
  return app;
}

function addEvaluatorRoutes(app: Hono, options: ControlAppOptions): void {
  const { manager, evaluators } = options;
  app.get('/v1/evaluators', (context) => context.json({ evaluators: evaluators.list() }));
  app.get('/v1/ruleset', (context) => {
    refuseUnheard(manager);
    return context.json(manager.ruleset());
  });
  app.get('/v1/ruleset/stream', (context) => {
    const what = 'a query such as ?evaluator=gateway-1&role=gateway';
    const asked = wire.parseMessage(wire.evaluatorQuerySchema, context.req.query(), what);
    return rulesetStream(context, { ...options, ...asked });
  });
  app.post('/v1/evaluators/:id/ack', async (context) => {
    const what = '{"revision": <a whole number>}';
    const { revision } = wire.parseMessage(
      wire.ackSchema,
      await json(context, wire.bodyMaxBytes.command),
      what,
    );
    evaluators.acknowledged(context.req.param('id').slice(0, 200), revision);
    options.onAnswer?.();
    return context.json({ ok: true });
  });
  app.post('/v1/decide', async (context) => {
    const what = '{"flag": "...", "context": {...}}';
    const asked = wire.parseMessage(wire.decideSchema, await json(context, wire.bodyMaxBytes.command), what);
    return context.json(manager.decide(asked.flag, asked.context));
  });
}

function addTelemetryRoutes(app: Hono, options: ControlAppOptions): void {
  const { manager, sessions, evaluators, processes, clock } = options;
  app.post('/v1/session-signals', async (context) => {
    const signals = wire.parseSignals(await json(context, wire.bodyMaxBytes.records));
    // Before they are stored: whoever reads them knows by then that a gateway is heard.
    evaluators.reported();
    const stored = await sessions.saveSignals(signals, clock.nowMs());
    return context.json({ received: signals.length, stored } satisfies wire.RecordsAnswer);
  });
  app.post('/v1/session-records', async (context) => {
    const { gateway, records } = wire.parseRecords(await json(context, wire.bodyMaxBytes.records));
    evaluators.reported();
    let stored = 0;
    for (const record of records) if (await sessions.saveSession(record, null, clock.nowMs())) stored++;
    // All that came, not what was new: before the answer a kill may come between the two, and they come again.
    if (gateway !== undefined) await takeUnreported(manager, gateway, records);
    return context.json({ received: records.length, stored } satisfies wire.RecordsAnswer);
  });
  app.post('/v1/process-samples', async (context) => {
    const samples = parseProcessSamples(await json(context, wire.bodyMaxBytes.plan));
    processes.add(samples);
    const { instance } = processes;
    return context.json({ received: samples.length, instance } satisfies ProcessSamplesAnswer);
  });
  app.get('/v1/processes', (context) =>
    context.json({
      processes: processes
        .latest()
        .map((latest) => ({ ...latest, blocks: processes.blocks(latest.process) })),
    }),
  );
  app.post('/v1/drains/:id/report', async (context) => {
    const what = '{"gateway": "...", "sessions": [...], "done": true or false}';
    const body = await json(context, wire.bodyMaxBytes.drain);
    const { gateway, ...report } = wire.parseMessage(wire.drainReportSchema, body, what);
    const drainId = context.req.param('id');
    const state = manager.states().find(({ rollback }) => rollback?.drainId === drainId);
    if (state === undefined) {
      throw new CrossfadeError(
        'ROLLOUT_UNKNOWN',
        `Expected the id of a drain, got ${JSON.stringify(drainId.slice(0, 64))}.`,
      );
    }
    const actor = { kind: 'automatic', name: gateway } as const;
    await manager.tell(state.name, {
      type: 'drain-report',
      gateway,
      ...report,
      actor,
      reason: 'reported what became of its sessions',
    });
    options.onAnswer?.();
    return context.json({ ok: true });
  });
}

function addRolloutRoutes(app: Hono, options: ControlAppOptions): void {
  const { manager, evaluators, clock, closing, comparison } = options;
  app.get('/v1/rollouts', (context) => context.json({ rollouts: manager.status() }));
  app.post('/v1/rollouts', async (context) => {
    const body = await json(context, wire.bodyMaxBytes.plan);
    const { plan, ...by } = wire.parseMessage(wire.applySchema, body, withPlan);
    refuseUnservable(plan, evaluators.list());
    return context.json(await manager.apply(plan, by), 201);
  });
  app.get('/v1/events', (context) => {
    const what = 'a query such as ?rollout=new-engine&after=120';
    const { rollout, after } = wire.parseMessage(wire.eventsQuerySchema, context.req.query(), what);
    // A misspelt name would be silent for ever.
    if (rollout !== undefined) manager.state(rollout);
    return eventStream(context, { manager, clock, closing, rollout, after });
  });
  app.get('/v1/rollouts/:name', (context) => context.json(manager.status(context.req.param('name'))));
  app.get('/v1/rollouts/:name/comparison', async (context) => {
    const { name } = manager.status(context.req.param('name'));
    return context.json({ comparison: (await comparison?.(name)) ?? null });
  });
  app.get('/v1/rollouts/:name/explanation', async (context) => {
    const { at } = wire.parseMessage(
      wire.explanationQuerySchema,
      context.req.query(),
      'a query such as ?at=1700000000000',
    );
    return context.json({ explanation: await manager.explainVerdict(context.req.param('name'), at) });
  });
  app.get('/v1/rollouts/:name/history', async (context) =>
    context.json({ events: await manager.history(context.req.param('name')) }),
  );
  app.post('/v1/rollouts/:name/:command', async (context) => {
    const { name, command } = context.req.param();
    const bytesMax = command === 'accept' ? wire.bodyMaxBytes.report : wire.bodyMaxBytes.plan;
    const body = await json(context, bytesMax);
    if (!isCommand(command)) {
      const message = `Expected one of ${wire.commandNames.join(', ')}, got ${JSON.stringify(command.slice(0, 64))}.`;
      throw new CrossfadeError('USAGE', message);
    }
    if (command === 'start') refuseUnknownUpstreams(manager.state(name).plan, evaluators.list());
    return context.json(await commands[command](manager, name, body));
  });
}

function isCommand(word: string): word is wire.CommandName {
  return Object.hasOwn(commands, word);
}
