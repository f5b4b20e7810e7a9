/**
 * What happens in a test, as data: who speaks how, and what breaks. The suite's own scenarios are the files of
 * `packages/crossfade/scenarios`; a user adds his own in the same form.
 */
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { parseDocument } from 'yaml';
import * as z from 'zod';

/** A session longer than this is a load test. */
const durationMsMax = 600_000;
/** More of one scenario than any profile asks for. */
const countMax = 100_000;

const between = (max: number) =>
  z
    .tuple([z.number().min(0).max(max), z.number().min(0).max(max)])
    .refine(([low, high]) => low <= high, 'expected [least, most]');

const speechSchema = z
  .strictObject({
    durationMs: between(durationMsMax).describe('Length of a session, ms; drawn anew for each.'),
    end: z
      .enum(['word', 'mid-word', 'silence', 'random'])
      .default('word')
      .describe(
        'Where the stop falls: on a word’s end, in the middle of a word, in silence, or any of these.',
      ),
    leadMs: between(durationMsMax)
      .default([120, 320])
      .describe('Silence before the first word; moves the stop to any phase of the frames.'),
    tailMs: between(durationMsMax)
      .default([60, 600])
      .describe('Silence after the last word, where it ends in silence.'),
    wordsPerUtterance: between(1_000).optional(),
    pauseMs: between(durationMsMax).optional().describe('Silence between utterances.'),
    sampleRates: z.array(z.int().min(8_000).max(48_000)).min(1).default([16_000]),
    gain: z.number().min(0.01).max(100).default(1).describe('Loudness; above 1 the audio clips.'),
    silent: z.boolean().default(false).describe('Nothing but silence.'),
  })
  .describe('What is said.');

const killSchema = z.strictObject({
  process: z.enum(['server', 'pipeline', 'gateway', 'any']).default('any'),
  afterMs: between(30_000)
    .default([0, 0])
    .describe('From the moment of the fault; from the kill before it, for a second one.'),
  awaitBack: z
    .boolean()
    .default(false)
    .describe('Counts `afterMs` from when the process before it serves again.'),
});

const placeSchema = z
  .enum(['client', 'upstream'])
  .default('upstream')
  .describe('Between client and target, or between gateway and pipeline.');
const lastsMs = between(60_000).describe('How long it lasts, ms.');

const faultSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('kill'), kills: z.array(killSchema).min(1).max(4) }),
  z.strictObject({ kind: z.literal('reset'), place: placeSchema }),
  z.strictObject({ kind: z.literal('stall'), place: placeSchema, lastsMs }),
  z.strictObject({ kind: z.literal('black-hole'), place: placeSchema, lastsMs }),
  z.strictObject({
    kind: z.literal('throttle'),
    place: placeSchema,
    lastsMs,
    realTimes: z.number().min(0.1).max(100).default(1.25).describe('Rate, in real times of one session.'),
  }),
  z.strictObject({ kind: z.literal('disk-full'), lastsMs }),
  z.strictObject({ kind: z.literal('clock-step'), lastsMs }),
  z.strictObject({ kind: z.literal('client-drop') }),
]);

const momentSchema = z
  .enum(['speech', 'partial', 'stop'])
  .default('speech')
  .describe(
    'When: at a random moment of the speech, right after a partial was shown, right after a client said stop.',
  );

export const scenarioSchema = z
  .strictObject({
    schema: z.literal('crossfade.scenario/1'),
    name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'expected small letters, digits and "-"'),
    about: z.string().min(1).max(300).describe('One sentence.'),
    speech: speechSchema,
    client: z
      .enum(['stock', 'resuming'])
      .default('stock')
      .describe('A stock client keeps nothing; a resuming one goes on where it was, where the target can.'),
    stop: z
      .enum(['close', 'finalize-and-close', 'hang-up'])
      .default('close')
      .describe('CloseStream; Finalize and then CloseStream; or the connection just ends.'),
    pace: z
      .number()
      .min(0.1)
      .max(50)
      .default(1)
      .describe('Times real time. Above 1 latencies do not count, and it runs where the target allows it.'),
    dropsAtOnce: z.boolean().default(false).describe('Cuts the client off once, at a random moment.'),
    together: z.int().min(1).max(64).default(1).describe('Sessions that begin at the same moment.'),
    frameMs: z.number().min(5).max(250).default(40),
    lanes: z.int().min(1).max(400).optional().describe('Sessions at once; the profile’s when absent.'),
    fault: faultSchema.optional().describe('Makes each case a trial: several sessions, one fault.'),
    moment: momentSchema,
    sessionsPerTrial: z.int().min(1).max(64).default(4),
    count: z
      .int()
      .min(1)
      .max(countMax)
      .default(4)
      .describe('Sessions, or trials, when a user adds it to a profile that does not name it.'),
  })
  .describe('A scenario of `crossfade accept`.');

export type Scenario = Readonly<z.infer<typeof scenarioSchema>>;
export type Fault = NonNullable<Scenario['fault']>;
export type FaultPlace = z.infer<typeof placeSchema>;

/** Reads a scenario (YAML or JSON). Throws CONFIG_INVALID. */
export function parseScenario(text: string, file: string): Scenario {
  const document = parseDocument(text, { uniqueKeys: true });
  const parsed = scenarioSchema.safeParse(
    document.errors.length > 0 ? null : document.toJS({ maxAliasCount: 100 }),
  );
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = issue?.path.join('.') ?? '';
  throw new CrossfadeError(
    'CONFIG_INVALID',
    `Expected ${file} to be a scenario, got${place === '' ? '' : ` at ${place}`}: ${issue?.message ?? 'another document'}.`,
  );
}
