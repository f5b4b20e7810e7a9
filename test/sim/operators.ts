import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { below, type Random } from '@crossfade/sdk/core/random';
import type { By, RolloutManager } from '../../packages/crossfade/src/controller/rollout-manager.ts';

/** What an operator may be told; anything else is a defect of ours. */
const expectedCodes: ReadonlySet<string> = new Set([
  'COMMAND_REFUSED',
  'ROLLOUT_UNKNOWN',
  'ROLLOUT_CONFLICT',
  'STORE_UNAVAILABLE',
  'STORE_CONFLICT',
]);

type Press = (manager: RolloutManager, name: string, by: By) => Promise<unknown>;

export interface OperatorsOptions {
  readonly random: Random;
  readonly rollBack: boolean;
  readonly plans: () => readonly object[];
  readonly onProblem: (problem: string) => void;
  readonly say: (line: string) => void;
}

/** People who press several buttons at once, and never read what they say. */
export class Operators {
  readonly #options: OperatorsOptions;
  readonly #buttons: readonly (readonly [string, Press])[];

  constructor(options: OperatorsOptions) {
    const { random, plans } = options;
    const plan = (): object => {
      const choices = plans();
      return choices[below(random, choices.length)] ?? {};
    };
    this.#options = options;
    this.#buttons = [
      ['start', (manager, name, by) => manager.start(name, by)],
      ['waive', (manager, name, by) => manager.waiveAcceptance(name, by)],
      ['advance', (manager, name, by) => manager.advance(name, by)],
      ['advance without a pass', (manager, name, by) => manager.advance(name, { ...by, withoutPass: true })],
      ['approve', (manager, name, by) => manager.approve(name, by)],
      ['approve', (manager, name, by) => manager.approve(name, by)],
      ['pause', (manager, name, by) => manager.pause(name, by)],
      ['resume', (manager, name, by) => manager.resume(name, by)],
      ['resume', (manager, name, by) => manager.resume(name, by)],
      ['disable', (manager, name, by) => manager.disable(name, by)],
      ['enable', (manager, name, by) => manager.enable(name, by)],
      ['enable', (manager, name, by) => manager.enable(name, by)],
      ['revise', (manager, name, by) => manager.revise(name, plan(), by)],
      ['apply', (manager, _, by) => manager.apply(plan(), by)],
      ...(options.rollBack
        ? [
            ['roll back', (manager, name, by) => manager.rollback(name, by)] as const satisfies readonly [
              string,
              Press,
            ],
          ]
        : []),
    ];
  }

  /** One to five buttons at once. */
  burst(manager: RolloutManager, name: string): void {
    const { random, say } = this.#options;
    const presses = Array.from(
      { length: 1 + below(random, 5) },
      () => this.#buttons[below(random, this.#buttons.length)],
    );
    say(`operators press ${presses.map((press) => press?.[0]).join(', ')}`);
    for (const press of presses)
      if (press !== undefined) this.press(press[0], press[1](manager, name, this.#by()));
  }

  /** Follows one command: what it may answer is known. */
  press(what: string, command: Promise<unknown>): void {
    const { say, onProblem } = this.#options;
    command.catch((error: unknown) => {
      if (error instanceof CrossfadeError && expectedCodes.has(error.code)) say(`${what}: ${error.code}`);
      else onProblem(`${what} failed with ${String(error)}`);
    });
  }

  #by(): By {
    return { actor: `operator-${below(this.#options.random, 3)}`, reason: 'pressed' };
  }
}
