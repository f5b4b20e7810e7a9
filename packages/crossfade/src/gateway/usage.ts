import type { Clock } from '@crossfade/sdk/core/clock';
import { messageOf } from '@crossfade/sdk/core/errors';
import type { Log } from '@crossfade/sdk/core/log';
import type { EvaluationContext } from '@crossfade/sdk/flags/ruleset';
import type { SessionStore } from '../store/store.ts';
import type { Handshake } from './handshake.ts';

/** The attribute under which a decision sees what the gateway knows of its user's sessions. */
const usageAttribute = 'usage';

/**
 * The handshake with `usage.sessions30d`, `usage.minutes30d` and `usage.lastSeenAt` (absent for a user it has not seen)
 * from the gateway's own records. What a client says of its usage is left out: it would choose its own pipeline. A
 * store that does not answer costs these attributes, never the session.
 */
export async function withUsage(
  handshake: Handshake,
  {
    sessions,
    clock,
    log,
  }: { readonly sessions: Pick<SessionStore, 'usage'>; readonly clock: Clock; readonly log: Log },
): Promise<Handshake> {
  const context: EvaluationContext = Object.fromEntries(
    Object.entries(handshake.context).filter(([name]) => !isUsage(name)),
  );
  if (handshake.userHash === '') return { ...handshake, context };
  try {
    const { sessions30d, audioMs30d, lastSeenAtMs } = await sessions.usage(handshake.userHash, clock.nowMs());
    const usage = {
      sessions30d,
      minutes30d: audioMs30d / 60_000,
      ...(lastSeenAtMs === null ? {} : { lastSeenAt: new Date(lastSeenAtMs).toISOString() }),
    };
    return { ...handshake, context: { ...context, [usageAttribute]: usage } };
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'the store did not say what a user did; deciding without it');
    return { ...handshake, context };
  }
}

/** Also the flat names, which win over walking down a path. */
function isUsage(name: string): boolean {
  return name === usageAttribute || name.startsWith(`${usageAttribute}.`);
}
