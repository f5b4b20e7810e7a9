import { CrossfadeError, type ErrorCode } from '@crossfade/sdk/core/errors';

/** What the process answers to the shell; documented in docs/cli.md. */
export const exitCode = { ok: 0, failed: 1, badInput: 2, couldNotRun: 3 } as const;
export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

const badInput: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'USAGE',
  'CONFIG_INVALID',
  'PLAN_INVALID',
  'EVIDENCE_INVALID',
  'RULESET_INVALID',
  'QUERY_INVALID',
  'MESSAGE_INVALID',
  'BODY_TOO_LARGE',
  'ENGINE_UNKNOWN',
]);

const failed: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'COMMAND_REFUSED',
  'ROLLOUT_UNKNOWN',
  'ROLLOUT_CONFLICT',
  'SESSION_UNKNOWN',
  'STORE_CONFLICT',
  'RULESET_STALE',
]);

/** 2 for what the caller wrote, 1 for what the system refused, 3 for everything that kept it from running. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof CrossfadeError)) return exitCode.couldNotRun;
  if (badInput.has(error.code)) return exitCode.badInput;
  return failed.has(error.code) ? exitCode.failed : exitCode.couldNotRun;
}
