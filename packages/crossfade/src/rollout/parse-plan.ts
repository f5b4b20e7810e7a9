import { CrossfadeError, hasCode, messageOf } from '@crossfade/sdk/core/errors';
import { describe } from '@crossfade/sdk/flags/document';
import { bucketCount, type Audience } from '@crossfade/sdk/flags/ruleset';
import { validateRuleset } from '@crossfade/sdk/flags/validate';
import { parseDocument } from 'yaml';
import { defaultThresholds, type JudgedMetricId, type Thresholds } from '../analysis/metric-spec.ts';
import {
  acceptanceMetrics,
  type FreezeWindow,
  type Gate,
  type Notification,
  type Plan,
  type PlanMistake,
  type Stage,
} from './plan.ts';
import { contradictionIn } from './plan-contradictions.ts';
import { dayNumber, planSchema, type WrittenPlan } from './plan-schema.ts';

/** A page or two of text, and audiences that are lists of keys: 100,000 keys of 36 characters are 4 MB. */
export const planCharsMax = 8 * 1024 * 1024;

/** JSON beyond this is read as JSON alone: as YAML, 100,000 keys hold up the process for a second and a half. */
const yamlCharsMax = 256 * 1024;

/** Mistakes that one refusal names; the rest shows when these are mended. */
const mistakesMax = 20;

/** More on control than on candidate is no holdback but a stage. */
const holdbackBucketsMax = bucketCount / 2;

const hourMs = 3_600_000;

/**
 * Reads a plan from YAML or JSON text, or from an object. The whole document is valid or nothing of it is taken:
 * PLAN_INVALID names the first mistake, and `detail.mistakes` up to twenty. Throws nothing else.
 */
export function parsePlan(input: unknown): Plan {
  try {
    const document = typeof input === 'string' ? parseText(input) : input;
    const parsed = planSchema.safeParse(document, { reportInput: true });
    if (!parsed.success) throw invalid(parsed.error.issues.flatMap(mistakesOf).slice(0, mistakesMax));
    return planOf(parsed.data);
  } catch (error) {
    if (hasCode(error, 'PLAN_INVALID')) throw error;
    // A getter or proxy of the object threw, or the stack was all but used up by nesting.
    const mistake = { path: '', expected: 'a document that can be read', got: messageOf(error) };
    throw invalid([mistake], error);
  }
}

function parseText(text: string): unknown {
  if (text.length > planCharsMax) {
    throw invalid([{ path: '', expected: `at most ${planCharsMax} characters`, got: `${text.length}` }]);
  }
  if (text.length > yamlCharsMax && text.trimStart().startsWith('{')) return parseJson(text);
  const document = parseDocument(text, { prettyErrors: true, logLevel: 'error' });
  const [error] = document.errors;
  if (error !== undefined) {
    const [first = error.message] = error.message.split('\n');
    throw invalid([{ path: '', expected: 'YAML or JSON', got: first.replace(/:$/, '') }], error);
  }
  return document.toJS({ maxAliasCount: 100 });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid([{ path: '', expected: 'YAML or JSON', got: messageOf(error) }], error);
  }
}

function invalid(mistakes: readonly PlanMistake[], cause?: unknown): CrossfadeError {
  const [first = { path: '', expected: 'a plan', got: 'something else' }] = mistakes;
  const more = mistakes.length > 1 ? ` (and ${mistakes.length - 1} more)` : '';
  const message = `${first.path === '' ? 'plan' : first.path}: expected ${first.expected}, got ${first.got}${more}.`;
  return new CrossfadeError('PLAN_INVALID', message, { cause, detail: { ...first, mistakes } });
}

type Issue = Exclude<ReturnType<typeof planSchema.safeParse>['error'], undefined>['issues'][number];

function mistakesOf(issue: Issue): readonly PlanMistake[] {
  const path = pathOf(issue.path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      return { path: pathOf([...issue.path, key]), expected: 'no such field', got: describe(key) };
    });
  }
  if (issue.code === 'invalid_key') {
    const expected = issue.issues[0]?.message ?? 'another name';
    return [{ path, expected: `a name of ${expected}`, got: describe(issue.path.at(-1)) }];
  }
  // A choice of two shapes: an object that is of the second one is wrong where it is wrong, not as a whole.
  if (issue.code === 'invalid_union') {
    const inside = issue.errors.find((branch) => branch.every(isInside));
    if (inside !== undefined) {
      return inside.flatMap((each) => mistakesOf({ ...each, path: [...issue.path, ...each.path] }));
    }
  }
  // The two messages that the schema leaves to zod.
  const expected = issue.message.startsWith('Invalid input: expected object')
    ? 'an object'
    : issue.message.replace(/^Invalid input: expected nonoptional.*/, 'a value');
  return [{ path, expected, got: describe(issue.input) }];
}

function isInside({
  path,
  code,
}: {
  readonly path: readonly PropertyKey[];
  readonly code?: string;
}): boolean {
  return path.length > 0 || code === 'unrecognized_keys';
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

function planOf(written: WrittenPlan): Plan {
  const { control, candidate, guardrails, holdback } = written;
  const audiences = audiencesOf(written);
  if (control.variant === candidate.variant) {
    throw one('candidate.variant', 'another variant than the control', describe(candidate.variant));
  }
  if (control.upstream === candidate.upstream) {
    throw one('candidate.upstream', 'another upstream than the control', describe(candidate.upstream));
  }
  if (holdback > holdbackBucketsMax) throw one('holdback', 'at most 50 %', `${holdback / 1_000} %`);
  const stages = stagesOf(written, audiences);
  const gates = gatesOf(written, stages);
  const limits = limitsOf(guardrails.limits);
  const plan: Plan = {
    name: written.name,
    flag: written.flag,
    control,
    candidate,
    audiences,
    stages,
    ...acceptanceOf(written),
    gates,
    guardrails: { limits, minSessions: guardrails.minSessions },
    goals: written.goals,
    metrics: metricsOf(written),
    alpha: written.alpha,
    maturityMs: written.maturity,
    incidentHoldMs: written.incidentHold,
    holdbackBuckets: holdback,
    drain: written.drain,
    drainLimitMs: written.drainLimit,
    noDataLimitMs: written.noDataLimit,
    freeze: written.freeze.map(freezeOf),
    notifications: written.notifications.map(notificationOf),
    salt: written.salt ?? written.name,
    overrides: written.overrides,
  };
  const contradiction = contradictionIn(plan);
  if (contradiction !== null) throw invalid([contradiction]);
  return plan;
}

function acceptanceOf({
  acceptance,
}: WrittenPlan): Pick<Plan, 'acceptance' | 'acceptanceMaxAgeMs' | 'acceptanceRequires'> {
  if (typeof acceptance === 'string') return { acceptance };
  const { rule, maxAge, requires } = acceptance;
  return { acceptance: rule, acceptanceMaxAgeMs: maxAge, acceptanceRequires: requires };
}

function one(path: string, expected: string, got: string): CrossfadeError {
  return invalid([{ path, expected, got }]);
}

/** Conditions are checked by the evaluator's own validator: what passes here is never refused there. */
function audiencesOf(written: WrittenPlan): Readonly<Record<string, Audience>> {
  const ruleset = {
    schema: 'crossfade.ruleset/1',
    revision: 0,
    flags: {},
    audiences: Object.fromEntries(
      Object.entries(written.audiences).map(([name, { description, when }]) => [
        name,
        description === undefined ? { when } : { description, when },
      ]),
    ),
  };
  try {
    return validateRuleset(ruleset).audiences;
  } catch (error) {
    if (!hasCode(error, 'RULESET_INVALID')) throw error;
    const { path, expected, got } = error.detail as { path: string; expected: string; got: string };
    throw one(path, expected, got);
  }
}

function stagesOf(written: WrittenPlan, audiences: Readonly<Record<string, Audience>>): readonly Stage[] {
  const stages: Stage[] = [];
  for (const [index, stage] of written.stages.entries()) {
    const before = stages.at(-1);
    const path = `stages[${index}]`;
    const shareBuckets = stage.share ?? before?.shareBuckets ?? 0;
    const longestBakeMs = stage.longestBake ?? Math.max(3 * stage.bake, hourMs);
    if (stages.some(({ name }) => name === stage.name)) {
      throw one(`${path}.name`, 'a name that no stage before has', describe(stage.name));
    }
    if (shareBuckets < (before?.shareBuckets ?? 0)) {
      const least = (before?.shareBuckets ?? 0) / 1_000;
      throw one(`${path}.share`, `at least ${least}, as a share never shrinks`, `${shareBuckets / 1_000}`);
    }
    const unknown = stage.audiences.findIndex((name) => !Object.hasOwn(audiences, name));
    if (unknown >= 0) {
      const known = Object.keys(audiences).slice(0, 10).join(', ') || 'there are none';
      throw one(
        `${path}.audiences[${unknown}]`,
        `an audience of the plan (${known})`,
        describe(stage.audiences[unknown]),
      );
    }
    if (index === 0 && shareBuckets === 0 && stage.audiences.length === 0) {
      throw one(path, 'a first stage with an audience or a share', 'one in which nobody is');
    }
    if (index === 0 && stage.approval) {
      throw one(`${path}.approval`, 'false, as acceptance opens the first stage', 'true');
    }
    if (longestBakeMs < stage.bake)
      throw one(`${path}.longestBake`, 'at least the bake', `${longestBakeMs} ms`);
    stages.push({
      name: stage.name,
      audiences: [...new Set(stage.audiences)],
      shareBuckets,
      bakeMs: stage.bake,
      minSessionsPerHour: stage.minSessionsPerHour,
      longestBakeMs,
      approval: stage.approval,
    });
  }
  return stages;
}

function gatesOf(written: WrittenPlan, stages: readonly Stage[]): readonly Gate[] {
  if (written.gates === undefined) {
    return acceptanceMetrics.map((metric) => ({ metric, requires: 'certified' }));
  }
  const seen = new Set<string>();
  return written.gates.map(({ metric, requires, liveAtStage }, index) => {
    if (seen.has(metric))
      throw one(`gates[${index}].metric`, 'a metric that no gate before has', describe(metric));
    seen.add(metric);
    if (liveAtStage === undefined) return { metric, requires };
    if (!stages.some(({ name }) => name === liveAtStage)) {
      const names = stages.map(({ name }) => name).join(', ');
      throw one(`gates[${index}].liveAtStage`, `a stage of the plan (${names})`, describe(liveAtStage));
    }
    return { metric, requires, liveAtStage };
  });
}

/** Fields that a plan does not name are absent, so that two plans that say the same are the same. */
function metricsOf({ metrics }: WrittenPlan): Plan['metrics'] {
  return Object.fromEntries(
    Object.entries(metrics).map(([id, choice]) => [
      id,
      Object.fromEntries(Object.entries(choice ?? {}).filter(([, value]) => value !== undefined)),
    ]),
  );
}

function limitsOf(written: WrittenPlan['guardrails']['limits']): Thresholds {
  const limits: { [Id in JudgedMetricId]?: number } = { ...defaultThresholds };
  for (const [metric, limit] of Object.entries(written) as [JudgedMetricId, number | 'off'][]) {
    if (limit === 'off') delete limits[metric];
    else limits[metric] = limit;
  }
  return limits;
}

function freezeOf(window: WrittenPlan['freeze'][number], index: number): FreezeWindow {
  const { name, zone, days, from, until } = window;
  const path = `freeze[${index}]`;
  if (days === undefined) {
    const fromLocal = localDate(`${path}.from`, from);
    const untilLocal = localDate(`${path}.until`, until);
    if (fromLocal >= untilLocal) throw one(`${path}.until`, `a time after ${from}`, describe(until));
    return { name, zone, fromLocal, untilLocal };
  }
  const fromMinute = minuteOfDay(`${path}.from`, from);
  const untilMinute = minuteOfDay(`${path}.until`, until);
  return { name, zone, days: [...new Set(days.map(dayNumber))], fromMinute, untilMinute };
}

function notificationOf(written: WrittenPlan['notifications'][number], index: number): Notification {
  const { target, webhook, format, secretFromEnv, on } = written;
  const path = `notifications[${index}]`;
  if (target !== undefined) {
    if (webhook === undefined && format === undefined && secretFromEnv === undefined) return { target, on };
    throw one(path, 'a target alone, or a webhook with its format and secret', 'both');
  }
  if (webhook === undefined) throw one(path, 'a target or a webhook', 'neither');
  const secret = secretFromEnv === undefined ? {} : { secretFromEnv };
  return { webhook, format: format ?? 'standard', ...secret, on };
}

function localDate(path: string, text: string): string {
  const isDate = /^\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d$/.test(text);
  const time = isDate ? new Date(`${text}:00Z`) : new Date(Number.NaN);
  // The 31st of February is read as the 3rd of March.
  if (!isDate || Number.isNaN(time.getTime()) || time.toISOString().slice(0, 16) !== text) {
    throw one(path, 'a local date and time such as 2026-12-20T00:00', describe(text));
  }
  return text;
}

function minuteOfDay(path: string, text: string): number {
  const [, hours, minutes] = /^([01]\d|2[0-4]):([0-5]\d)$/.exec(text) ?? [];
  const minute = Number(hours) * 60 + Number(minutes);
  if (hours === undefined || minute > 24 * 60) throw one(path, 'a time of day such as 18:00', describe(text));
  return minute;
}
