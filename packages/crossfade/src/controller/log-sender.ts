import type { Log } from '@crossfade/sdk/core/log';
import type { Notice } from './notice.ts';
import { routedNotice } from './notice-routes.ts';
import type { NoticeSender } from './notifier.ts';

/** Writes each notice into the log. */
export function logSender(log: Log): NoticeSender {
  return {
    send({ id, kind, payload }) {
      const notice = routedNotice(payload)?.notice;
      log.info({ notice: kind, id, ...(notice === undefined ? {} : fieldsOf(notice)) }, 'notice');
      return Promise.resolve();
    },
  };
}

function fieldsOf({
  title,
  severity,
  rollout,
  actor,
  reason,
  howBad,
  forWhom,
  howSure,
  done,
  nextStep,
}: Notice) {
  return { title, severity, rollout, actor, reason, howBad, forWhom, howSure, done, nextStep };
}
