import type { Clock } from '@crossfade/sdk/core/clock';
import type { IdSource } from '@crossfade/sdk/core/ids';
import type { Log } from '@crossfade/sdk/core/log';
import type { Engine } from '../engines/engine.ts';
import type { Defect } from './defects.ts';

/** `legacy` is what teams have today; `streaming` is what they want to move to. */
export type PipelineKind = 'legacy' | 'streaming';

export interface PipelineOptions {
  readonly kind: PipelineKind;
  readonly host: string;
  /** 0: the system chooses one. */
  readonly port: number;
  /** What the pipeline says of itself, in `x-crossfade-build` and in each result. */
  readonly build: string;
  /** A session's `model` chooses one by name; without a model the first is used. Closed with the pipeline. */
  readonly engines: readonly Engine[];
  /** A fault on purpose; absent in production. */
  readonly defect?: Defect;
  /** Told when the defect `crash-loop` wants the process to die; the process's main exits. */
  readonly onCrash?: () => void;
  readonly clock: Clock;
  readonly ids?: IdSource;
  readonly log?: Log;
  readonly limits?: Partial<PipelineLimits>;
}

/** Every limit of a pipeline. Times in milliseconds; backlogs in milliseconds of audio. */
export interface PipelineLimits {
  /** Sessions at once; one more is refused with 503. */
  readonly sessionsMax: number;
  /** Neither audio nor KeepAlive this long: closed with 1011 NET-0001, as the protocol says. */
  readonly idleMs: number;
  /** An engine stream that is not open by then: refused with 503. */
  readonly openMs: number;
  /** Audio an engine is behind, its sessions together, from which new ones are refused with 503. */
  readonly admissionBacklogMs: number;
  /** Audio an engine is behind in one session, from which its socket is not read until half is done. */
  readonly sessionBacklogMs: number;
  /** What an engine may take for the last final after CloseStream; then 1011 NET-0000. */
  readonly flushMs: number;
  /** Unsent bytes to a client that reads too slowly; beyond it the session ends with 1013. */
  readonly outboxBytes: number;
}

export const defaultPipelineLimits: PipelineLimits = {
  // The tone engine needs 0.001 CPU-s per audio-s: 500 sessions leave half a core.
  sessionsMax: 500,
  idleMs: 10_000,
  openMs: 10_000,
  // An engine this far behind would give each new session finals past the 1.5 s limit.
  admissionBacklogMs: 10_000,
  sessionBacklogMs: 10_000,
  flushMs: 30_000,
  outboxBytes: 4_194_304,
};
