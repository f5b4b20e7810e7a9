import type { Command } from 'commander';
import { CrossfadeError, errorTable, type ErrorCode, messageOf } from '@crossfade/sdk/core/errors';
import * as z from 'zod';
import { type CommandIo, say } from '../command-io.ts';
import { readRunningSystem, resolveDataDir } from '../data-folder.ts';
import { type CommonOptions, systemLeaf } from './leaf.ts';

/** The gateway answers from its memory or one indexed row. */
const answerLimitMs = 10_000;

const sessionSchema = z.looseObject({
  sessionId: z.string(),
  state: z.string(),
  upstream: z.string(),
  sampleRate: z.number().positive(),
  samplesReceived: z.number(),
  entries: z.array(
    z.looseObject({ start: z.number(), end: z.number(), text: z.string(), upstream: z.string() }),
  ),
});

/** `crossfade session show ID`, `crossfade session erase ID`. */
export function addSession(program: Command, io: CommandIo): void {
  const session = program.command('session').description('Look at one session.');
  systemLeaf(session, 'show <id>', 'Transcript and record of a session, also while it runs.', [
    'crossfade session show 0b6f7f8e-…',
    'CROSSFADE_KEY=… crossfade session show 0b6f7f8e-… --json',
  ]).action(async (id: string, options: CommonOptions) => {
    const { gatewayUrl } = await readRunningSystem(resolveDataDir(options.data, io.env));
    const json = await askGateway(gatewayUrl, id, sessionSchema, io.env['CROSSFADE_KEY']);
    say(io, options.json === true, { json, text: sessionText(json) });
  });
  systemLeaf(session, 'erase <id>', 'Erase audio and transcript of a session that is over, for good.', [
    'crossfade session erase 0b6f7f8e-…',
  ]).action(async (id: string, options: CommonOptions) => {
    const { gatewayUrl } = await readRunningSystem(resolveDataDir(options.data, io.env));
    const json = await askGateway(gatewayUrl, id, erasedSchema, io.env['CROSSFADE_KEY'], 'DELETE');
    const text = `${json.sessionId} is erased: audio and transcript are gone; its record, counts without words, stays.`;
    say(io, options.json === true, { json, text });
  });
}

const erasedSchema = z.object({ sessionId: z.string(), state: z.literal('erased') });

type ShownSession = z.infer<typeof sessionSchema>;

async function askGateway<Answer>(
  gatewayUrl: string,
  id: string,
  schema: z.ZodType<Answer>,
  key: string | undefined,
  method: 'GET' | 'DELETE' = 'GET',
): Promise<Answer> {
  const url = new URL(`/sessions/${encodeURIComponent(id)}`, gatewayUrl.replace(/^ws/, 'http'));
  const headers = key === undefined ? {} : { authorization: `Token ${key}` };
  let answer: unknown;
  try {
    const response = await fetch(url, { method, headers, signal: AbortSignal.timeout(answerLimitMs) });
    answer = await response.json();
  } catch (cause) {
    throw new CrossfadeError(
      'CONTROL_PLANE_UNREACHABLE',
      `Expected the gateway at ${url.origin} to answer, got: ${messageOf(cause)}.`,
      { cause },
    );
  }
  const session = schema.safeParse(answer);
  if (session.success) return session.data;
  const { code, message } = (answer ?? {}) as { code?: string; message?: string };
  const known = code !== undefined && code in errorTable ? (code as ErrorCode) : 'INTERNAL';
  throw new CrossfadeError(known, message ?? 'Expected a session from the gateway, got another answer.');
}

function sessionText({
  sessionId,
  state,
  upstream,
  sampleRate,
  samplesReceived,
  entries,
}: ShownSession): string {
  const seconds = (samples: number): string => (samples / sampleRate).toFixed(2).padStart(7);
  const lines = entries.map(
    ({ start, end, text, upstream: by }) => `${seconds(start)} –${seconds(end)}  ${by}  ${text}`,
  );
  return [
    `${sessionId}  ${state}  on ${upstream}  ${seconds(samplesReceived).trim()} s of audio`,
    ...lines,
  ].join('\n');
}
