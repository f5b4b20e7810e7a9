import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { Command } from './commands.ts';
import type { EventBody, RolloutEvent } from './events.ts';
import { evolve } from './evolve.ts';
import { positionOf, type RolloutState } from './state.ts';

/** What a command does: the events to append, in order, and one sentence of why. No events: nothing changes. */
export interface Decision {
  readonly events: readonly RolloutEvent[];
  readonly why: string;
}

/** A decision in the making: each event is folded at once, so that the next one sees what it did. */
export class DecisionDraft {
  readonly command: Command;
  readonly nowMs: number;
  readonly #events: RolloutEvent[] = [];
  #state: RolloutState | null;

  constructor(state: RolloutState | null, command: Command, nowMs: number) {
    this.#state = state;
    this.command = command;
    this.nowMs = nowMs;
  }

  /** The rollout as it is after the events so far. */
  get state(): RolloutState {
    if (this.#state === null) {
      throw new CrossfadeError('INTERNAL', 'Expected a rollout, got none: the first event is applied.');
    }
    return this.#state;
  }

  /** Adds an event with the command's actor; the reason is the command's unless the rollout has one of its own. */
  emit(body: EventBody, reason: string = this.command.reason): void {
    const before = this.#state === null ? null : positionOf(this.#state);
    const head = {
      rollout: body.type === 'applied' ? body.plan.name : this.state.name,
      actor: this.command.actor,
      reason,
      atMs: this.nowMs,
      before,
    };
    const nowhere = { phase: 'draft', stage: null, epoch: 0, shareBuckets: 0, disabled: false } as const;
    this.#state = evolve(this.#state, { ...head, after: before ?? nowhere, ...body });
    this.#events.push({ ...head, after: positionOf(this.#state), ...body });
  }

  /** Closes the draft. */
  done(why: string): Decision {
    return { events: this.#events, why };
  }
}

/** The refusal of a command: what was expected, what the rollout is, what to do; `problem` names it for programs. */
export function refusal(
  state: RolloutState,
  command: Command,
  sentence: string,
  problem?: string,
): CrossfadeError {
  const detail = { rollout: state.name, phase: state.phase, command: command.type };
  return new CrossfadeError('COMMAND_REFUSED', `${state.name}: ${sentence}`, {
    detail: problem === undefined ? detail : { ...detail, problem },
  });
}
