import type { Clock } from '@crossfade/sdk/core/clock';
import type { Random } from '@crossfade/sdk/core/random';
import type { SimGateway } from './gateway.ts';
import type { SimPlane } from './plane.ts';

/** A gateway gives a silent control plane up after this long. */
const silenceMs = 10_000;

export interface NetworkOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly heartbeatMs: number;
  /** The control plane that lives now. */
  readonly plane: () => SimPlane | null;
  /** Follows a drain report on its way into the rollout. */
  readonly onReport: (told: Promise<unknown>) => void;
}

/** What is between the control plane and its gateways: connections, heartbeats, and messages that are late or lost. */
export class Network {
  readonly #options: NetworkOptions;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** A message on its way: lost when it is cut off, or when the connection it belongs to is gone. */
  #send(gateway: SimGateway, deliver: () => void): void {
    const { connection } = gateway;
    this.#options.clock.after(5 + this.#options.random.next() * 300, () => {
      if (gateway.connection === connection && !gateway.isCutOff) deliver();
    });
  }

  /** Keeps a gateway connected from now on. */
  keep(gateway: SimGateway): void {
    const attempt = (): void => {
      const plane = this.#options.plane();
      if (!gateway.isConnected && !gateway.isCutOff && plane !== null) this.#connect(gateway, plane);
      if (
        gateway.isConnected &&
        this.#options.clock.monotonicMs() - gateway.heardAtMs > silenceMs + this.#options.heartbeatMs
      )
        this.disconnect(gateway);
      this.#options.clock.after(this.#options.heartbeatMs / 2, attempt);
    };
    attempt();
  }

  #connect(gateway: SimGateway, plane: SimPlane): void {
    gateway.connection++;
    gateway.isConnected = true;
    gateway.heardAtMs = this.#options.clock.monotonicMs();
    const { connection } = gateway;
    const close = plane.evaluators.connected(gateway.id, 'gateway', { answers: true });
    const beat = (): void => {
      // The control plane sees the end of a connection that is cut off only when it writes to it for a while.
      if (gateway.connection !== connection || !plane.life.isAlive) return close();
      this.announce(gateway, false);
      this.#options.clock.after(this.#options.heartbeatMs, beat);
    };
    this.announce(gateway, true);
    this.#options.clock.after(this.#options.heartbeatMs, beat);
    for (const report of gateway.reports()) this.report(gateway, report.drainId);
  }

  disconnect(gateway: SimGateway): void {
    gateway.connection++;
    gateway.isConnected = false;
  }

  /** The ruleset, or a heartbeat with its revision. */
  announce(gateway: SimGateway, withRuleset: boolean): void {
    const plane = this.#options.plane();
    if (plane === null || !gateway.isConnected) return;
    const ruleset = plane.manager.ruleset();
    this.#send(gateway, () => {
      const known = gateway.evaluator.revision;
      const acknowledge = gateway.hears(
        ruleset.revision,
        withRuleset ? ruleset : null,
        this.#options.clock.monotonicMs(),
      );
      if (gateway.evaluator.revision > known)
        for (const { drainId } of gateway.reports()) this.report(gateway, drainId);
      if (acknowledge === null) return;
      this.#send(gateway, () => {
        const now = this.#options.plane();
        now?.evaluators.acknowledged(gateway.id, acknowledge);
        now?.settle();
      });
    });
  }

  /** What a gateway has to say of a session, at least once: again until the control plane has it. */
  bring(gateway: SimGateway, save: (nowMs: number) => Promise<unknown>): void {
    gateway.waiting.push(save);
    if (gateway.waiting.length === 1) this.#bringAll(gateway);
  }

  #bringAll(gateway: SimGateway): void {
    const { clock } = this.#options;
    const plane = this.#options.plane();
    if (plane === null || gateway.isCutOff) {
      clock.after(5_000, () => this.#bringAll(gateway));
      return;
    }
    plane.evaluators.reported();
    for (const save of gateway.waiting.splice(0)) void save(clock.nowMs());
  }

  report(gateway: SimGateway, drainId: string): void {
    this.#send(gateway, () => {
      const report = gateway.reports().find((one) => one.drainId === drainId);
      const plane = this.#options.plane();
      const state = plane?.manager.states().find(({ rollback }) => rollback?.drainId === drainId);
      if (report === undefined || plane === null || state === undefined) return;
      const { sessions, done } = report;
      const actor = { kind: 'automatic', name: gateway.id } as const;
      const told = plane.manager.tell(state.name, {
        type: 'drain-report',
        gateway: gateway.id,
        ...{ sessions, done, actor, reason: 'reported' },
      });
      this.#options.onReport(told.then(() => plane.settle()));
    });
  }
}
