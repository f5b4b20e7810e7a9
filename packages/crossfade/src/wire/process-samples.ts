import * as z from 'zod';
import type { ProcessSample } from '../analysis/process-sample.ts';
import { parseMessage } from './control.ts';

export type { ProcessSample };

/** Samples of one request: 20 processes, looked at every 5 s, for a minute and a half. */
export const processSamplesMax = 400;

const count = z.number().int().nonnegative();

const sampleSchema = z.object({
  process: z.string().min(1).max(100),
  kind: z.enum(['control-plane', 'gateway', 'pipeline']),
  build: z.string().max(100).optional(),
  pid: count,
  atMs: z.number().nonnegative(),
  cpuMs: z.number().nonnegative(),
  rssBytes: z.number().nonnegative(),
  sessions: count.optional(),
  audioMs: z.number().nonnegative().optional(),
});
const samplesSchema = z.object({ samples: z.array(sampleSchema).max(processSamplesMax) });

export interface ProcessSamplesAnswer {
  readonly received: number;
  /** Another one than before: the control plane was started anew and has none of the samples so far. */
  readonly instance: string;
}

/** What the supervisor sends, checked. Throws MESSAGE_INVALID. */
export function parseProcessSamples(value: unknown): readonly ProcessSample[] {
  const what = `{"samples": [...]} with at most ${processSamplesMax} process samples`;
  // The schema has the same fields; only its optional ones may also be undefined.
  return parseMessage(samplesSchema, value, what).samples as readonly ProcessSample[];
}
