import type { NoticeKind, Plan, PlanWebhook } from '../rollout/plan.ts';
import type { OutboxItem } from '../store/store.ts';
import type { Notice } from './notice.ts';

/** A target of the system's configuration, as far as it matters for who is told what. */
export interface NoticeTarget {
  readonly name: string;
  /** Of every rollout; a plan may ask for more by naming the target. */
  readonly on: readonly NoticeKind[];
}

/** Where one copy of a notice goes. */
export type NoticeRoute =
  | { readonly to: 'log' }
  | { readonly to: 'target'; readonly name: string }
  | ({ readonly to: 'webhook' } & PlanWebhook);

/** The payload of an outbox item: what is said, and how it leaves. */
export interface RoutedNotice {
  readonly notice: Notice;
  readonly route: NoticeRoute;
}

/** What keeps two routes apart in the outbox: one that fails keeps no other back. */
export function targetOf(route: NoticeRoute): string {
  if (route.to === 'log') return 'log';
  return route.to === 'target' ? `target:${route.name}` : `webhook:${route.webhook}`;
}

/** As people see it: the path of a webhook's address may be its secret. */
export function targetText(target: string): string {
  if (target.startsWith('target:')) return target.slice('target:'.length);
  if (!target.startsWith('webhook:')) return target;
  try {
    return new URL(target.slice('webhook:'.length)).origin;
  } catch {
    return 'webhook';
  }
}

/** Everybody who is told of this kind: the log always, then the system's targets, then the plan's own; each once. */
export function routesOf(
  kind: NoticeKind,
  plan: Plan | null,
  targets: readonly NoticeTarget[],
): readonly NoticeRoute[] {
  const routes: NoticeRoute[] = [{ to: 'log' }];
  for (const { name, on } of targets) if (on.includes(kind)) routes.push({ to: 'target', name });
  for (const notification of plan?.notifications ?? []) {
    if (!notification.on.includes(kind)) continue;
    if ('target' in notification) routes.push({ to: 'target', name: notification.target });
    else {
      const { webhook, format, secretFromEnv } = notification;
      routes.push({
        to: 'webhook',
        webhook,
        format,
        ...(secretFromEnv === undefined ? {} : { secretFromEnv }),
      });
    }
  }
  const byTarget = new Map(routes.map((route) => [targetOf(route), route]));
  return [...byTarget.values()];
}

/** One copy of the notice for each route. Ids follow from notice and target, so that no copy is queued twice. */
export function itemsOf(notice: Notice, routes: readonly NoticeRoute[]): readonly OutboxItem[] {
  return routes.map((route) => {
    const target = targetOf(route);
    const routed: RoutedNotice = { notice, route };
    const id = route.to === 'log' ? notice.id : `${notice.id}>${target}`;
    return { id, kind: notice.kind, target, payload: JSON.stringify(routed) };
  });
}

/** The payload of an item, or null when it is none of ours. */
export function routedNotice(payload: string): RoutedNotice | null {
  try {
    const routed = JSON.parse(payload) as Partial<RoutedNotice>;
    return routed.notice === undefined || routed.route === undefined ? null : (routed as RoutedNotice);
  } catch {
    return null;
  }
}
