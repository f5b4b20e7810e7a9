import { errorTable, type ErrorCode } from '@crossfade/sdk/core/errors';
import type { SystemConfig } from '../system-config.ts';

/** What the supervisor sends to a child, over the IPC channel: nothing secret is ever on a command line. */
export type ToChild =
  { readonly type: 'start'; readonly settings: ChildSettings } | { readonly type: 'stop' };

/** What a child answers. `failed` is a start that did not work; the child exits after it. */
export type FromChild =
  | { readonly type: 'ready'; readonly port: number }
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly message: string };

/** Everything a child needs to know. Keys and tokens are read by the child itself. */
export interface ChildSettings {
  readonly dataDir: string;
  readonly config: SystemConfig;
  /** Chosen by the supervisor, so that a restarted child keeps its address. */
  readonly addresses: Addresses;
  /** Which pipeline of the configuration this child is; for pipelines alone. */
  readonly pipeline?: string;
  /** How much faster than the wall the controller's bake clock runs; 1 but for the demo. */
  readonly bakeClockSpeed: number;
}

/** Ports of the system's processes. */
export interface Addresses {
  readonly host: string;
  readonly controlPort: number;
  readonly gatewayPort: number;
  /** By pipeline name; also of those that are not started yet. */
  readonly pipelinePorts: Readonly<Record<string, number>>;
}

export const childKinds = ['control-plane', 'gateway', 'pipeline'] as const;
export type ChildKind = (typeof childKinds)[number];

/** Reads a message from a child; anything else is ignored, because a library may use the channel too. */
export function readFromChild(message: unknown): FromChild | null {
  if (typeof message !== 'object' || message === null) return null;
  const { type, port, code, message: text } = message as Record<string, unknown>;
  if (type === 'ready' && typeof port === 'number') return { type, port };
  if (type !== 'failed' || typeof text !== 'string') return null;
  const known = typeof code === 'string' && code in errorTable;
  return { type, code: known ? (code as ErrorCode) : 'INTERNAL', message: text };
}
