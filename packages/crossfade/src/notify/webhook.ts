import { hasCode } from '@crossfade/sdk/core/errors';
import type { Notice } from '../controller/notice.ts';
import { Undeliverable } from '../controller/notifier.ts';
import type { WebhookFormat } from '../rollout/plan.ts';
import { post, type PostOptions } from './post.ts';
import { slackBody } from './slack-body.ts';
import type { Environment } from './target.ts';
import { messageId, webhookBody } from './webhook-body.ts';
import { signersOf } from './webhook-secret.ts';

export interface WebhookCall {
  readonly url: string;
  /** Absent in plans of earlier versions: standard. */
  readonly format?: WebhookFormat;
  readonly secretFromEnv?: string | undefined;
  readonly env: Environment;
  readonly nowMs: number;
  readonly post: Omit<PostOptions, 'headers'>;
}

/** Sends one notice to one address, signed when there is a secret. Answers what came back. */
export async function callWebhook(notice: Notice, call: WebhookCall): Promise<string> {
  const body = call.format === 'slack' ? slackBody(notice) : webhookBody(notice);
  const id = messageId(notice);
  // The receiver refuses an old timestamp, so that a recorded call is worth nothing: it is that of the attempt.
  const sentAt = new Date(call.nowMs);
  const signed =
    call.secretFromEnv === undefined
      ? {}
      : { 'webhook-signature': signatures(call.secretFromEnv, call.env, id, sentAt, body) };
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'crossfade',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(call.nowMs / 1_000)),
    ...signed,
  };
  return post(addressOf(call.url), body, { ...call.post, headers });
}

function signatures(variable: string, env: Environment, id: string, sentAt: Date, body: string): string {
  try {
    return signersOf(variable, env)
      .map((signer) => signer.sign(id, sentAt, body))
      .join(' ');
  } catch (error) {
    // Sent without its signature it would be refused, or worse, believed.
    if (hasCode(error, 'CONFIG_INVALID')) throw new Undeliverable(error.message);
    throw error;
  }
}

function addressOf(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed?.protocol === 'https:' || parsed?.protocol === 'http:') return parsed;
  throw new Undeliverable('Expected an http:// or https:// address, got something else.');
}
