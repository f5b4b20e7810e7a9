import { createHash } from 'node:crypto';
import type { Notice } from '../controller/notice.ts';

/** The same on every attempt, so that a receiver knows a repeat; of letters that the specification takes. */
export function messageId(notice: Pick<Notice, 'id'>): string {
  return `msg_${createHash('sha256').update(notice.id).digest('hex').slice(0, 32)}`;
}

/** The event as the Standard Webhooks specification has it: what happened, when, and the data. */
export function webhookBody(notice: Notice): string {
  return JSON.stringify({
    type: `rollout.${notice.kind}`,
    timestamp: new Date(notice.atMs).toISOString(),
    data: notice,
  });
}
