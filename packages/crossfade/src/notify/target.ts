import type { NoticeKind, PlanWebhook } from '../rollout/plan.ts';

/** A receiver of the system's configuration: told of every rollout, and of those whose plan names it. */
export type NotifyTarget = { readonly name: string; readonly on: readonly NoticeKind[] } & (
  WebhookTarget | CommandTarget
);

/** The address in the configuration, or in the environment when it is a secret itself, as Slack's are. */
export type WebhookTarget = Omit<PlanWebhook, 'webhook'> &
  ({ readonly webhook: string } | { readonly webhookFromEnv: string });

/** A program of this machine, started without a shell; the notice comes on its standard input as JSON. */
export interface CommandTarget {
  readonly command: readonly [string, ...string[]];
  /** Environment variables it gets beside PATH, HOME and LANG. */
  readonly env: readonly string[];
}

/** Reads an environment variable. */
export type Environment = Readonly<Record<string, string | undefined>>;
