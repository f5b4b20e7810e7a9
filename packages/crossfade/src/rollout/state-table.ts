import type { CommandType } from './commands.ts';
import type { Phase } from './state.ts';

/**
 * What each phase does with each command, as data. In prose:
 *
 * draft. Entered by apply. Left by start. Nobody gets the candidate; the plan may be revised freely.
 * awaiting-acceptance. Entered by start. Left by accept or waive into the first stage.
 * running. Entered by accept or waive, and by resume. The bake clock runs on healthy, observed time; a verdict of
 *   pass after it moves one stage on, a fail rolls back. Left by pause, completion or rollback.
 * paused. Entered by pause, or by itself when a limit on silence or on the bake is over. The share is frozen, nothing
 *   is promoted, a fail still rolls back. Left by resume or rollback.
 * completed. Entered when the last stage is baked and passed. A fail still rolls back, and so may anybody.
 * rolling-back. Entered from every phase above. No new session gets the candidate; evaluators acknowledge, open
 *   sessions drain. Left by finish-rollback.
 * rolled-back. The end for this build. Late reports still complete the receipt.
 */
export type Take =
  | { readonly does: 'decides' }
  /** Answers no events: what was asked is so already, or the report means nothing here. */
  | { readonly does: 'nothing'; readonly sentence: string }
  /** COMMAND_REFUSED. */
  | { readonly does: 'refuses'; readonly sentence: string };

const decides: Take = { does: 'decides' };
const nothing = (sentence: string): Take => ({ does: 'nothing', sentence });
const refuses = (sentence: string): Take => ({ does: 'refuses', sentence });

type Row = Readonly<Record<Phase, Take>>;

/** The three phases after the end of the ordinary way, with one answer for the two of the rollback. */
function row(
  draft: Take,
  awaiting: Take,
  running: Take,
  paused: Take,
  completed: Take,
  rollingBack: Take,
  rolledBack: Take = rollingBack,
): Row {
  return {
    draft,
    'awaiting-acceptance': awaiting,
    running,
    paused,
    completed,
    'rolling-back': rollingBack,
    'rolled-back': rolledBack,
  };
}

const notStarted = refuses('Expected a rollout that runs, got one that was not started. Start it first.');
const notAccepted = refuses(
  'Expected a rollout that runs, got one that waits for acceptance. Accept or waive first.',
);
const isPaused = refuses('Expected a rollout that runs, got one that is paused. Resume it first.');
const isCompleted = refuses(
  'Expected a rollout under way, got a completed one. It can only be disabled or rolled back.',
);
const isRolledBack = refuses(
  'Expected a rollout under way, got one that was rolled back; that is final for this build. Apply a plan with another name and another build.',
);
const startedAlready = nothing('It was started already.');
const nothingServed = nothing('Nobody gets the candidate yet, so there is nothing to judge.');
const over = nothing('The rollback is on its way already.');
const noRollback = nothing('There is no rollback to report on.');

const table: Readonly<Record<CommandType, Row>> = {
  apply: row(decides, decides, decides, decides, decides, isRolledBack),
  start: row(decides, startedAlready, startedAlready, startedAlready, startedAlready, isRolledBack),
  accept: row(notStarted, decides, decides, decides, isCompleted, isRolledBack),
  waive: row(notStarted, decides, decides, decides, isCompleted, isRolledBack),
  advance: row(notStarted, notAccepted, decides, isPaused, isCompleted, isRolledBack),
  approve: row(notStarted, notAccepted, decides, decides, isCompleted, isRolledBack),
  pause: row(notStarted, notAccepted, decides, nothing('It is paused already.'), isCompleted, isRolledBack),
  resume: row(notStarted, notAccepted, nothing('It runs already.'), decides, isCompleted, isRolledBack),
  disable: row(
    notStarted,
    notAccepted,
    decides,
    decides,
    decides,
    nothing('Nobody new gets the candidate already.'),
  ),
  enable: row(notStarted, notAccepted, decides, decides, decides, isRolledBack),
  revise: row(decides, decides, decides, decides, isCompleted, isRolledBack),
  // Abort wins: every phase takes it, and the two it leads to are its own effect.
  rollback: row(decides, decides, decides, decides, decides, decides, nothing('It was rolled back already.')),
  verdict: row(nothingServed, nothingServed, decides, decides, decides, over),
  tick: row(
    nothingServed,
    nothingServed,
    decides,
    nothing('The bake clock stands still in a pause.'),
    nothing('The last stage is baked.'),
    over,
  ),
  acknowledge: row(noRollback, noRollback, noRollback, noRollback, noRollback, decides),
  'drain-report': row(noRollback, noRollback, noRollback, noRollback, noRollback, decides),
  'finish-rollback': row(
    refuses('Expected a rollback under way, got none. Roll back first.'),
    refuses('Expected a rollback under way, got none. Roll back first.'),
    refuses('Expected a rollback under way, got none. Roll back first.'),
    refuses('Expected a rollback under way, got none. Roll back first.'),
    refuses('Expected a rollback under way, got none. Roll back first.'),
    decides,
    nothing('It was rolled back already.'),
  ),
};

/** What this phase does with this command. */
export function takes(phase: Phase, command: CommandType): Take {
  return table[command][phase];
}
