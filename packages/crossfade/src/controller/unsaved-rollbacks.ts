import type { Command } from '../rollout/commands.ts';
import type { RolloutEvent } from '../rollout/events.ts';
import type { RolloutState } from '../rollout/state.ts';

/**
 * Rollbacks that were decided and that the store did not take: its disk is full, or it does not answer. Abort wins over
 * that too. While there is one, nobody may hear the control plane, so that every lease ends and control is served, and
 * the rollback is told again until it is on record. One for each rollout, the last.
 */
export class UnsavedRollbacks {
  readonly #commands = new Map<string, Command>();

  get isEmpty(): boolean {
    return this.#commands.size === 0;
  }

  /** By name of the rollout. */
  list(): readonly (readonly [name: string, command: Command])[] {
    return [...this.#commands];
  }

  /** Events could not be appended; only those of a rollback matter here. */
  failed(name: string, command: Command, events: readonly Pick<RolloutEvent, 'type'>[]): void {
    if (events.some(({ type }) => type === 'rollback-started')) this.#commands.set(name, command);
  }

  /** A command is done. It settles what waits when the candidate is taken back, or when it is what waited. */
  settled({ name, phase }: Pick<RolloutState, 'name' | 'phase'>, command: Command): void {
    const isBack = phase === 'rolling-back' || phase === 'rolled-back';
    if (isBack || this.#commands.get(name) === command) this.#commands.delete(name);
  }
}
