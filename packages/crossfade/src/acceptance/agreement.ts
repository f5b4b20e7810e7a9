/** Whether what was seen from outside and what the target itself wrote down tell the same. */
import { MetricAggregate } from '../analysis/metrics.ts';
import { formatValue, type MetricId } from '../analysis/metric-spec.ts';
import type { AcceptanceMetricId } from './metric-ids.ts';
import type { SessionCase, TrialCase } from './case-result.ts';
import { sessionRecordOf } from './suite-record.ts';

/** One metric seen from both sides, over the sessions that both saw. */
export interface Agreement {
  readonly metric: AcceptanceMetricId;
  readonly blackBox: number;
  readonly whiteBox: number;
  /** The most by which they may differ, in the metric's unit. */
  readonly tolerance: number;
  readonly agrees: boolean;
  readonly sessions: number;
  readonly sentence: string;
}

/**
 * The gateway hears a word's last frame a little after it was due and sends its final a little before it arrives; its
 * clock starts with the first frame. Everything else is counted, not timed.
 */
const tolerances = {
  'capture-completeness': 0.0002,
  'orphan-rate': 0.0002,
  'finalization-latency': 150,
  'stop-latency': 150,
  'missed-tail': 20,
  'duplicate-artifacts': 0.5,
} as const satisfies Partial<Record<MetricId, number>>;

/** A frame and a half: what may be on its way between two clocks. */
const lossToleranceMs = 60;

/** Sums of both sides. */
export class AgreementTotals {
  readonly #black = new MetricAggregate('user');
  readonly #white = new MetricAggregate('user');
  readonly #kill = { black: 0, white: 0, difference: 0, crashes: 0 };

  addSession(session: SessionCase): void {
    const { inside } = session;
    if (inside === null || session.failure !== '') return;
    this.#black.add(sessionRecordOf(session, session.counts));
    this.#white.add(sessionRecordOf(session, inside));
  }

  addTrial({ inside, outsideLossMs }: TrialCase): void {
    if (inside === null) return;
    this.#kill.crashes += 1;
    this.#kill.black = Math.max(this.#kill.black, outsideLossMs);
    this.#kill.white = Math.max(this.#kill.white, inside.killMs);
    this.#kill.difference = Math.max(this.#kill.difference, inside.differenceMs);
  }

  /** Empty: nobody looked inside. */
  get rows(): readonly Agreement[] {
    const rows = Object.entries(tolerances).flatMap(([id, tolerance]) => {
      const metric = id as keyof typeof tolerances;
      const blackBox = this.#black.metric(metric).value;
      const whiteBox = this.#white.metric(metric).value;
      if (blackBox === null || whiteBox === null) return [];
      const difference = Math.abs(blackBox - whiteBox);
      return [
        rowOf(metric, { blackBox, whiteBox, difference }, tolerance, this.#black.tally(metric).sessions),
      ];
    });
    const { black: blackBox, white: whiteBox, difference, crashes } = this.#kill;
    if (crashes === 0) return rows;
    return [...rows, rowOf('durability-loss', { blackBox, whiteBox, difference }, lossToleranceMs, crashes)];
  }
}

function rowOf(
  metric: AcceptanceMetricId,
  seen: { readonly blackBox: number; readonly whiteBox: number; readonly difference: number },
  tolerance: number,
  sessions: number,
): Agreement {
  const { blackBox, whiteBox, difference } = seen;
  const agrees = difference <= tolerance;
  const [outside, inside, off] = [blackBox, whiteBox, tolerance].map((value) => formatValue(metric, value));
  const sentence = `${outside} from outside, ${inside} by the target's own records: they ${agrees ? 'agree' : 'do not agree'} within ${off}.`;
  return { metric, blackBox, whiteBox, tolerance, agrees, sessions, sentence };
}
