/** How much of each scenario is asked. The sizes are fixed before a run. */
export interface Profile {
  readonly name: string;
  /** A run that has not finished by then is stopped and its report marked partial, ms. */
  readonly limitMs: number;
  /** Sessions at once. */
  readonly lanes: number;
  /** Copies of a target that are broken side by side; each is a system of its own. */
  readonly replicas: number;
  /** Sessions of a scenario, or its trials for each process that it kills. */
  readonly counts: Readonly<Record<string, number>>;
  /**
   * When the units of a metric had an event in them, so much more of the scenarios that feed it is run, once. Absent:
   * never. See docs/acceptance.md for why 1.68 keeps what is certified at 95 %.
   */
  readonly extendTo?: number;
}

/**
 * `smoke`: is it worth looking closer; proves latency and tail. `standard`: every scenario, every fault. `certify`: all
 * metrics at 95 %. Its sizes are 10 % above the fewest that certify without an event, which pays for one extension.
 */
export const profiles = {
  smoke: {
    name: 'smoke',
    limitMs: 90_000,
    lanes: 24,
    replicas: 2,
    counts: {
      'steady-talk': 12,
      'short-turns': 170,
      'stop-anywhere': 12,
      'crash-in-speech': 1,
      'crash-in-partial': 1,
      'crash-in-stop': 1,
      'crash-twice': 1,
    },
  },
  standard: {
    name: 'standard',
    limitMs: 900_000,
    lanes: 40,
    replicas: 2,
    counts: {
      'steady-talk': 40,
      'short-turns': 200,
      'long-silence': 20,
      conversation: 300,
      'conversation-fast': 700,
      silence: 20,
      clipped: 40,
      'mixed-sample-rates': 60,
      overlapping: 64,
      'stop-anywhere': 100,
      'stop-mid-word': 60,
      'finalize-then-close': 60,
      'many-short-sessions': 300,
      'drop-and-resume': 80,
      'crash-in-speech': 8,
      'crash-in-partial': 6,
      'crash-in-stop': 4,
      'crash-twice': 3,
      'crash-in-restart': 3,
      'crash-in-replay': 4,
      'restart-under-load': 2,
      'upstream-reset': 4,
      'upstream-stall': 2,
      'upstream-black-hole': 2,
      'upstream-throttle': 2,
      'network-stall': 2,
      'network-black-hole': 2,
      'network-reset': 3,
      'client-drop': 3,
      'disk-full': 2,
      'clock-step': 2,
    },
    extendTo: 1.68,
  },
  certify: {
    name: 'certify',
    limitMs: 3_600_000,
    lanes: 48,
    replicas: 3,
    counts: {
      'steady-talk': 60,
      'short-turns': 400,
      'long-silence': 30,
      conversation: 1_900,
      'conversation-fast': 4_300,
      silence: 20,
      clipped: 60,
      'mixed-sample-rates': 120,
      overlapping: 128,
      'stop-anywhere': 200,
      'stop-mid-word': 100,
      'finalize-then-close': 100,
      'many-short-sessions': 400,
      'drop-and-resume': 200,
      'crash-in-speech': 60,
      'crash-in-partial': 50,
      'crash-in-stop': 40,
      'crash-twice': 26,
      'crash-in-restart': 20,
      'crash-in-replay': 26,
      'restart-under-load': 3,
      'upstream-reset': 12,
      'upstream-stall': 6,
      'upstream-black-hole': 6,
      'upstream-throttle': 6,
      'network-stall': 6,
      'network-black-hole': 6,
      'network-reset': 8,
      'client-drop': 8,
      'disk-full': 6,
      'clock-step': 6,
    },
    extendTo: 1.68,
  },
} as const satisfies Record<string, Profile>;
export type ProfileName = keyof typeof profiles;
