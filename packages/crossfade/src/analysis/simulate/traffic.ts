/**
 * A synthetic transcription service: sessions arrive by Poisson with a swing of day and night; each has about 20
 * requests, 3 finalizations and 40 segments; errors come in flaky sessions, orphans and duplicates in rare bursts, gaps
 * and tails are log-normal. The canary is judged on it before a real one.
 */
import type { Random } from '@crossfade/sdk/core/random';
import { outcomeWidth } from '../sequential/epoch-sums.ts';
import type { SequentialMetricId } from '../sequential/sequential-metrics.ts';
import { binomial, burst, logNormal, normal } from './random-variates.ts';

/** What a service does. A regression changes some of it for the candidate; an incident for both arms. */
export interface ServiceModel {
  /** Share of sessions in which requests fail, and the share of their requests that do. */
  readonly flakyShare: number;
  readonly flakyFailing: number;
  /** Sessions that crash early: some requests fail, a gap is lost. */
  readonly crashShare: number;
  /** Sessions that bring nothing at all. */
  readonly deadShare: number;
  /** Finalization latency: its p95, ms, and the spread of its logarithm between sessions and inside one. */
  readonly finalMsP95: number;
  readonly finalSigmaBetween: number;
  readonly finalSigmaWithin: number;
  /** First partial: mean, ms, and spread. */
  readonly responseMs: number;
  readonly responseSigma: number;
  /** Sessions with a gap; mean seconds of one and its spread. */
  readonly gapShare: number;
  readonly gapS: number;
  readonly gapSigma: number;
  /** Missed tail: mean, ms, and spread. */
  readonly tailMs: number;
  readonly tailSigma: number;
  /** Sessions with a burst of orphans or duplicates, and the mean size of one. */
  readonly orphanShare: number;
  readonly orphanBurst: number;
  readonly duplicateShare: number;
  readonly duplicateBurst: number;
}

const requestsMean = 20;
const finalsPerSession = 3;
const audioMeanS = 300;
const audioSigma = 0.5;
const audioPerSegmentS = 7.5;

/** Healthy: errors 0.5 %, p95 1.22 s, orphans 1.5e-4, duplicates 2e-5, gaps 1.25e-4 of audio, tails 55 ms. */
export const healthyService: ServiceModel = {
  flakyShare: 0.04,
  flakyFailing: 0.125,
  crashShare: 0.001,
  deadShare: 0,
  finalMsP95: 1_220,
  finalSigmaBetween: 0.3,
  finalSigmaWithin: 0.4,
  responseMs: 400,
  responseSigma: 0.5,
  gapShare: 0.006,
  gapS: 6,
  gapSigma: 1,
  tailMs: 55,
  tailSigma: 1,
  orphanShare: 0.003,
  orphanBurst: 2,
  duplicateShare: 0.000_53,
  duplicateBurst: 1.5,
};

/** Metrics that the synthetic service reports, in the order of its outcomes. */
export const simulatedMetrics = [
  'early-failure',
  'error-rate',
  'capture-completeness',
  'orphan-rate',
  'finalization-latency',
  'missed-tail',
  'duplicate-artifacts',
  'first-partial-latency',
] as const satisfies readonly SequentialMetricId[];

/** Finals slower than this count against the limit, ms. */
export const finalLimitMs = 1_500;

/** What belongs to a user rather than to one session: standard normal, and a uniform number for rare traits. */
export interface UserTraits {
  readonly speed: number;
  readonly luck: number;
}

/** How much of a session's luck is its user's, when users return: half. */
const userPart = Math.SQRT1_2;

/** z of the 95th percentile. */
const z95 = 1.644_853_626_951_472_2;

/** Writes one session's outcomes into `into`, three numbers per metric. Returns whether the session was dead. */
export function drawSession(
  random: Random,
  service: ServiceModel,
  into: Float64Array,
  traits: UserTraits | null = null,
): boolean {
  into.fill(0);
  const audioS = logNormal(random, audioMeanS, audioSigma);
  const requests = requestsMean / 2 + Math.floor(random.next() * (requestsMean + 1));
  if (random.next() < service.deadShare) {
    set(into, 0, 1, 1);
    set(into, 1, requests, requests);
    set(into, 2, audioS, audioS);
    return true;
  }
  const hasCrashed = random.next() < service.crashShare;
  // A user with bad luck is flaky more often; the share over all users stays what the service says.
  const flakyDraw = traits === null || random.next() < 0.5 ? random.next() : traits.luck;
  const isFlaky = flakyDraw < service.flakyShare;
  const failed = (isFlaky ? binomial(random, requests, service.flakyFailing) : 0) + (hasCrashed ? 2 : 0);
  const hasGap = hasCrashed || random.next() < service.gapShare;
  const missingS = hasGap ? Math.min(audioS, logNormal(random, service.gapS, service.gapSigma)) : 0;
  const segments = Math.max(1, Math.round(audioS / audioPerSegmentS));
  const orphans = random.next() < service.orphanShare ? burst(random, service.orphanBurst) : 0;
  const duplicates = random.next() < service.duplicateShare ? burst(random, service.duplicateBurst) : 0;
  set(into, 0, hasCrashed ? 1 : 0, 1);
  set(into, 1, failed, requests);
  set(into, 2, missingS, audioS);
  set(into, 3, Math.min(orphans, segments), segments);
  drawFinals(random, service, into, traits);
  const tailMs = Math.min(10_000, logNormal(random, service.tailMs, service.tailSigma));
  set(into, 5, tailMs, 1);
  set(into, 6, Math.min(duplicates, segments), segments);
  set(into, 7, logNormal(random, service.responseMs, service.responseSigma), 1);
  return false;
}

function drawFinals(
  random: Random,
  service: ServiceModel,
  into: Float64Array,
  traits: UserTraits | null,
): void {
  const { finalMsP95, finalSigmaBetween, finalSigmaWithin } = service;
  const sigma = Math.hypot(finalSigmaBetween, finalSigmaWithin);
  const lnMedian = Math.log(finalMsP95) - z95 * sigma;
  const own = normal(random);
  const between = traits === null ? own : userPart * (own + traits.speed);
  let slow = 0;
  let overLimit = 0;
  for (let i = 0; i < finalsPerSession; i++) {
    const ms = Math.exp(lnMedian + finalSigmaBetween * between + finalSigmaWithin * normal(random));
    if (ms > healthyService.finalMsP95) slow += 1;
    if (ms >= finalLimitMs) overLimit += 1;
  }
  const at = 4 * outcomeWidth;
  into[at] = slow;
  into[at + 1] = finalsPerSession;
  into[at + 2] = overLimit;
}

function set(into: Float64Array, metric: number, y: number, x: number): void {
  const at = metric * outcomeWidth;
  into[at] = y;
  into[at + 1] = x;
  into[at + 2] = y;
}
