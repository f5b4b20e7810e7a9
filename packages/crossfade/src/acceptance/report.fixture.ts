import { type AcceptanceReport, notBuilt, withDigest } from './report.ts';

type Metric = AcceptanceReport['metrics'][number];

const metric = (
  id: Metric['id'],
  result: Metric['result'],
  value: number | null,
  unit: Metric['unit'],
): Metric => ({
  id,
  title: id.replaceAll('-', ' '),
  result,
  value,
  unit,
  n: 12,
  bound: value,
  threshold: 1,
  observer: 'black box: the socket',
  sentence: `${id} says a sentence.`,
  required: 'within-limits',
  reached: result !== 'failed',
  waiver: null,
});

/** A report with something in every part of it. */
export function exampleReport(changes: Partial<AcceptanceReport> = {}): AcceptanceReport {
  const { digest: _made, ...rest } = {
    digest: '',
    schema: 'crossfade.acceptance/1' as const,
    result: 'failed' as const,
    sentence: 'Failed: orphan-rate.',
    partial: false,
    system: 'behind-gateway' as const,
    target: { name: 'a target', protocol: 'Deepgram /v1/listen', build: 'b1' },
    run: {
      suite: '0.1.0',
      profile: 'smoke',
      probe: 'tone' as const,
      case: null,
      seed: 1,
      corpusDigest: 'c0ffee',
      startedAt: '2026-01-02T03:04:05.000Z',
      tookMs: 60_000,
      machine: { platform: 'linux x64', node: 'v20.20.0', cpus: 2, memoryBytes: 8e9 },
      sessions: 12,
      failedSessions: 0,
      audioMs: 48_000,
      trials: 1,
      senderLateMs: { p99: 3, max: 9 },
      senderWasLate: false,
    },
    metrics: [
      metric('capture-completeness', 'certified', 1, 'ratio'),
      metric('orphan-rate', 'failed', 0.1, 'ratio'),
      metric('finalization-latency', 'within-limits', 350, 'ms'),
      { ...metric('recovery-success', 'not-measurable', null, 'ratio'), waiver: 'a vendor' },
    ],
    trials: [
      {
        id: 'gateway-crash-twice-1',
        fault: 'crash-twice',
        process: 'gateway',
        recovered: false,
        lossMs: 41.5,
        failure: '2 words missing',
      },
    ],
    plots: {
      latencies: [
        [340, 40],
        [2_400, 1],
      ] as [number, number][],
      stopLatencies: [[12, 12]] as [number, number][],
      tails: [0, 0, 220],
      captures: [{ id: 'steady-talk-2', audioMs: 12_000, lost: [[100, 400] as [number, number]] }],
    },
    worst: [
      {
        id: 'steady-talk-2',
        scenario: 'steady-talk',
        why: '300 ms of audio lost',
        replay: 'crossfade accept --case steady-talk-2 --seed 1',
        audioMs: 12_000,
        stoppedAtMs: 12_000,
        endedAtMs: 12_100,
        faultAtMs: 900,
        lost: [{ startMs: 100, endMs: 400 }],
        texts: [
          { atMs: 500, final: false, startMs: 0, endMs: 480, text: 'bokuk' },
          { atMs: 2_400, final: true, startMs: 0, endMs: 2_000, text: 'bokuk pizot' },
          { atMs: 4_400, final: true, startMs: 2_000, endMs: 4_000, text: '' },
        ],
      },
    ],
    rendered: {
      browser: 'Chromium 156.0',
      why: '',
      sessions: 12,
      entries: 40,
      duplicates: 0,
      disagreeing: 0,
    },
    wordErrors: {
      rate: 0.123,
      substitutions: 6,
      deletions: 4,
      insertions: 2,
      referenceWords: 98,
      normalizer: 'crossfade-en/1',
    },
    faults: [{ fault: 'crash-twice', crash: true, trials: 1, recovered: 0 }],
    agreement: [
      {
        metric: 'missed-tail' as const,
        blackBox: 3,
        whiteBox: 1,
        tolerance: 20,
        agrees: true,
        sessions: 12,
        sentence: '3 ms from outside, 1 ms inside: they agree within 20 ms.',
      },
    ],
    servedBy: [{ upstream: 'streaming', build: 'b1', sessions: 12, tookOver: 0 }],
    notRun: [{ scenario: 'disk-full', why: 'no small disk can be put under its journal here' }],
    notBuilt: [...notBuilt],
    ...changes,
  };
  return withDigest(rest);
}
