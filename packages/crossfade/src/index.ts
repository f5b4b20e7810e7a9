export { CrossfadeError, hasCode, type ErrorCode } from '@crossfade/sdk/core/errors';
export {
  RolloutManager,
  type By,
  type PlanInput,
  type RolloutManagerOptions,
} from './controller/rollout-manager.ts';
export type { ComparedMetric, Comparison } from './controller/comparison.ts';
export type { VerdictExplanation } from './controller/explain-verdict.ts';
export type { HistoryEntry, ReceiptStatus, RolloutStatus, StageStatus } from './controller/rollout-status.ts';
export type { NoticeSender } from './controller/notifier.ts';
export type { Notice } from './controller/notice.ts';
export { evidenceOfReport } from './rollout/acceptance-report.ts';
export type { AcceptanceEvidence, AcceptanceMetric, Actor } from './rollout/commands.ts';
export { parsePlan } from './rollout/parse-plan.ts';
export type { Plan } from './rollout/plan.ts';
export { ControlClient, readControlAddress, type CommandBy } from './server/control-client.ts';
export { startControlPlane, type ControlPlane, type ControlPlaneOptions } from './server/control-plane.ts';
export { createMemoryRolloutStore } from './store/memory/events.ts';
export { createMemorySessionStore } from './store/memory/sessions.ts';
export { openSqliteRolloutStore } from './store/sqlite/events.ts';
export { openSqliteSessionStore } from './store/sqlite/sessions.ts';
export type { RolloutStore, SessionStore } from './store/store.ts';
export type { SessionRecord } from './transcript/session-record.ts';
