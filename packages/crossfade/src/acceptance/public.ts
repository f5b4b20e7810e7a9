/** What `@crossfade/server/acceptance` offers: the suite as a library, and all that a driver of another protocol needs. */
export type { AcceptanceOptions, Progress } from './acceptance-options.ts';
export { DeepgramDriver, type DeepgramTarget } from './deepgram-driver.ts';
export type {
  Accepted,
  BreakKind,
  Driver,
  DriverConnection,
  DriverListener,
  Drivers,
  SaidText,
  SaidWord,
  SessionBreak,
  StoredSession,
} from './driver.ts';
export type { Probe, ProbeSpeech, SpeechRequest } from './probe.ts';
export { type Profile, profiles } from './profile.ts';
export { readRecordings, RecordingsProbe } from './recordings.ts';
export { countRendered } from './rendered-count.ts';
export { reportHtml } from './report-html.ts';
export { reportMarkdown } from './report-markdown.ts';
export { reportTable } from './report-table.ts';
export { type AcceptanceReport, isIntact, reportSchema } from './report.ts';
export type { Requirement, RunResult, Waiver } from './requirement.ts';
export { runAcceptance } from './run-acceptance.ts';
export { ownScenarios } from './scenario-files.ts';
export { parseScenario, type Scenario } from './scenario.ts';
export { spawnTarget } from './spawned-target.ts';
export { SpeechProbe, type Voice } from './speech-probe.ts';
export { remoteTarget, type Target } from './target.ts';
export { ToneProbe } from './tone-probe.ts';
