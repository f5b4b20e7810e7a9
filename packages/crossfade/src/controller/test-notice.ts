import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import type { IdSource } from '@crossfade/sdk/core/ids';
import type { Log } from '@crossfade/sdk/core/log';
import { itemsOf, type NoticeTarget } from './notice-routes.ts';
import { type Notice, testKind } from './notice.ts';
import type { Notifier } from './notifier.ts';

/** What became of a notice that was sent to see whether it arrives. */
export interface NoticeTrial {
  readonly target: string;
  readonly isDelivered: boolean;
  /** What came back, or why nothing did. */
  readonly said: string;
  readonly tookMs: number;
}

/** Who asks for a trial, and of which target. */
export interface TrialRequest {
  readonly target: string;
  readonly actor: string;
  readonly reason: string;
}

export interface TestNoticesOptions {
  readonly notifier: Pick<Notifier, 'attempt'>;
  readonly targets: readonly NoticeTarget[];
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
}

/** Sends test notices: to a target of the system's configuration, on the way that real ones take, once and at once. */
export class TestNotices {
  readonly #options: TestNoticesOptions;

  constructor(options: TestNoticesOptions) {
    this.#options = options;
  }

  /** Never rejects for what the receiver did; with USAGE when there is no such target. */
  async send(request: TrialRequest): Promise<NoticeTrial> {
    const { notifier, targets, clock, ids, log } = this.#options;
    const { target, actor: by } = request;
    if (!targets.some(({ name }) => name === target)) {
      const known = targets.map(({ name }) => name).join(', ') || 'none';
      throw new CrossfadeError(
        'USAGE',
        `Expected a target of the system configuration (${known}), got ${JSON.stringify(target.slice(0, 64))}.`,
      );
    }
    const notice = noticeOf(request, `test:${target}:${ids.next()}`, clock.nowMs());
    const [item] = itemsOf(notice, [{ to: 'target', name: target }]);
    const sinceMs = clock.monotonicMs();
    const ended = (isDelivered: boolean, said: string): NoticeTrial => {
      const tookMs = Math.round(clock.monotonicMs() - sinceMs);
      log.info({ target, by, isDelivered, said, tookMs }, 'a test notice was sent');
      return { target, isDelivered, said, tookMs };
    };
    try {
      return ended(true, (await notifier.attempt(item!)) ?? 'took it');
    } catch (error) {
      return ended(false, messageOf(error).slice(0, saidCharsMax));
    }
  }
}

/** Characters of an error that are told. */
const saidCharsMax = 300;

function noticeOf({ target, actor, reason }: TrialRequest, id: string, atMs: number): Notice {
  return {
    ...{ id, kind: testKind, severity: 'info', atMs, actor, reason },
    ...{ rollout: testKind, flag: '', control: '', candidate: '', build: '', stage: null, sharePercent: 0 },
    title: `Test: ${target} is told of rollouts`,
    howBad: null,
    forWhom: 'Nobody: no rollout has to do with it.',
    howSure: null,
    done: 'Nothing but to send this.',
    nextStep: 'None, if you read this where it should arrive.',
    verdict: null,
    receipt: null,
  };
}
