import type { Clock } from '@crossfade/sdk/core/clock';
import type { Log } from '@crossfade/sdk/core/log';
import type { Journal } from '../journal/journal.ts';
import type { SessionStore } from '../store/store.ts';
import type { SessionRecord } from '../transcript/session-record.ts';
import type { BufferRoom } from './buffer-room.ts';
import type { GatewayLimits } from './limits.ts';
import type { Upstream } from './upstream.ts';

/** What every session of a gateway shares. */
export interface SessionContext {
  readonly journal: Journal;
  readonly sessions: SessionStore;
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly limits: GatewayLimits;
  /** What may wait in memory for upstreams that read slowly. */
  readonly upstreamRoom: BufferRoom;
  readonly clock: Clock;
  readonly log: Log;
  /** A fault on purpose: whether an entry is shown once more to a client that resumed. */
  readonly repeats: () => boolean;
  /** The session left its arm by a drain. */
  onDrainProgress(sessionId: string): void;
  /** The session is over and its record is stored. */
  onEnded(sessionId: string, record: SessionRecord): void;
}
