import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { Log } from '@crossfade/sdk/core/log';
import { logSender } from '../controller/log-sender.ts';
import type { Notice } from '../controller/notice.ts';
import { routedNotice, type NoticeRoute } from '../controller/notice-routes.ts';
import { Undeliverable, type NoticeSender } from '../controller/notifier.ts';
import { runCommandHook } from './command-hook.ts';
import type { ResolveHost } from './post.ts';
import type { Environment, NotifyTarget } from './target.ts';
import { callWebhook } from './webhook.ts';
import { signersOf } from './webhook-secret.ts';

export interface NoticeSenderOptions {
  readonly targets: readonly NotifyTarget[];
  /** Hosts whose webhooks may be at a private address. */
  readonly allowPrivateHosts: readonly string[];
  readonly env: Environment;
  readonly clock: Clock;
  readonly log: Log;
  readonly resolve?: ResolveHost;
}

/**
 * Sends each notice by its route: into the log, to a target of the configuration, to a webhook of the plan. Throws
 * CONFIG_INVALID at once when a target's secret or address is not in the environment.
 */
export function createNoticeSender(options: NoticeSenderOptions): NoticeSender {
  const { env } = options;
  const targets = new Map(options.targets.map((target) => [target.name, target]));
  const allowedHosts = new Set(options.allowPrivateHosts.map((host) => host.toLowerCase()));
  for (const target of targets.values()) checkEnvironment(target, env);
  const log = logSender(options.log);

  const webhook = (notice: Notice, hook: Webhook, signal: AbortSignal): Promise<string> =>
    callWebhook(notice, {
      ...hook,
      env,
      nowMs: options.clock.nowMs(),
      post: { signal, allowedHosts, ...(options.resolve === undefined ? {} : { resolve: options.resolve }) },
    });
  const send = async (notice: Notice, route: NoticeRoute, signal: AbortSignal): Promise<string> => {
    if (route.to === 'webhook') return webhook(notice, { ...route, url: route.webhook }, signal);
    const target = route.to === 'target' ? targets.get(route.name) : undefined;
    if (target === undefined) {
      const known = [...targets.keys()].join(', ') || 'none';
      throw new Undeliverable(
        `Expected a target of the system configuration (${known}), got ${route.to === 'target' ? route.name : route.to}.`,
      );
    }
    if ('command' in target) return runCommandHook(notice, target, env, signal);
    const url = 'webhook' in target ? target.webhook : (env[target.webhookFromEnv] ?? '');
    return webhook(notice, { ...target, url }, signal);
  };
  return {
    async send(item, signal) {
      const routed = routedNotice(item.payload);
      // Queued by an earlier version, which had nothing but the log.
      if (routed === null || routed.route.to === 'log') return log.send(item, signal);
      return send(routed.notice, routed.route, signal);
    },
  };
}

type Webhook = Pick<Parameters<typeof callWebhook>[1], 'url' | 'format' | 'secretFromEnv'>;

function checkEnvironment(target: NotifyTarget, env: Environment): void {
  if ('command' in target) return;
  if (target.secretFromEnv !== undefined) signersOf(target.secretFromEnv, env);
  if (!('webhookFromEnv' in target) || URL.canParse(env[target.webhookFromEnv] ?? '')) return;
  throw new CrossfadeError(
    'CONFIG_INVALID',
    `Expected ${target.webhookFromEnv} in the environment of the control plane to hold the address of target ${target.name}; it is ${env[target.webhookFromEnv] === undefined ? 'not set' : 'no address'}.`,
  );
}
