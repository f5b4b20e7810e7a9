import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import type { DrainPolicy, EvaluationContext, EvaluationResult, Ruleset } from '@crossfade/sdk/flags/ruleset';
import type { Comparison } from '../controller/comparison.ts';
import type { DeadLetter, DeadLetterChoice } from '../controller/dead-letters.ts';
import type { VerdictExplanation } from '../controller/explain-verdict.ts';
import type { NoticeTrial } from '../controller/test-notice.ts';
import type { HistoryEntry, RolloutStatus } from '../controller/rollout-status.ts';
import type { CommandName } from '../wire/control.ts';
import type { ProcessSample, ProcessSamplesAnswer } from '../wire/process-samples.ts';
import { asJson, refusalOf } from './refusal.ts';
import { watchEvents, type WatchOptions } from './watch-events.ts';

/** Who asks and why; both go into the audit. */
export interface CommandBy {
  readonly actor: string;
  readonly reason: string;
}

/** How to reach a running control plane; written into the data folder while it listens. */
export interface ControlAddress {
  readonly url: string;
  readonly token: string;
}

/** Names of the files in the data folder. */
export const addressFileName = 'control.json';
export const tokenFileName = 'token';

/** Every answer of the control plane takes milliseconds; past this it hangs. */
const requestTimeoutMs = 10_000;

/** A test notice waits for its receiver, which has ten seconds. */
const testNoticeExtraMs = 5_000;

/** What some commands take beside who and why. */
export interface CommandMore {
  readonly withoutPass?: boolean;
  readonly policy?: DrainPolicy;
  readonly stage?: string;
}

export interface ControlClientOptions extends ControlAddress {
  readonly fetch?: typeof fetch;
  readonly timeoutMs?: number;
}

/**
 * The command line's way to a running system. Every method throws the CrossfadeError that the control plane
 * answered with, or CONTROL_PLANE_UNREACHABLE when nothing answered.
 */
export class ControlClient {
  readonly url: string;
  readonly #token: string;
  readonly #fetch: typeof fetch;
  readonly #timeoutMs: number;

  constructor(options: ControlClientOptions) {
    this.url = options.url;
    this.#token = options.token;
    this.#fetch = options.fetch ?? fetch;
    this.#timeoutMs = options.timeoutMs ?? requestTimeoutMs;
  }

  /** A client for the system that runs on this data folder. */
  static async forDataFolder(dataFolder: string): Promise<ControlClient> {
    return new ControlClient(await readControlAddress(dataFolder));
  }

  async health(): Promise<{ readonly ok: boolean; readonly revision: number }> {
    return this.#get('/healthz');
  }

  async rollouts(): Promise<readonly RolloutStatus[]> {
    return (await this.#get<{ rollouts: readonly RolloutStatus[] }>('/v1/rollouts')).rollouts;
  }

  async rollout(name: string): Promise<RolloutStatus> {
    return this.#get(`/v1/rollouts/${encodeURIComponent(name)}`);
  }

  async history(name: string): Promise<readonly HistoryEntry[]> {
    return (
      await this.#get<{ events: readonly HistoryEntry[] }>(`/v1/rollouts/${encodeURIComponent(name)}/history`)
    ).events;
  }

  /** Candidate against control as of the judge's last look; null: there was none in this epoch yet. */
  async comparison(name: string): Promise<Comparison | null> {
    const path = `/v1/rollouts/${encodeURIComponent(name)}/comparison`;
    return (await this.#get<{ comparison: Comparison | null }>(path)).comparison;
  }

  /** The last verdict at or before a moment (default: now), made again from the log; null: there was none by then. */
  async explanation(name: string, atMs?: number): Promise<VerdictExplanation | null> {
    const query = atMs === undefined ? '' : `?at=${atMs}`;
    const path = `/v1/rollouts/${encodeURIComponent(name)}/explanation${query}`;
    return (await this.#get<{ explanation: VerdictExplanation | null }>(path)).explanation;
  }

  /** Makes a rollout from a plan: its text as YAML or JSON, or the object. */
  async apply(plan: string | object, by: CommandBy): Promise<RolloutStatus> {
    return this.#post('/v1/rollouts', { ...by, plan });
  }

  /** Replaces the plan of a rollout while it runs. */
  async revise(name: string, plan: string | object, by: CommandBy): Promise<RolloutStatus> {
    return this.#post(`/v1/rollouts/${encodeURIComponent(name)}/revise`, { ...by, plan });
  }

  /** Hands over the report of an acceptance run: its JSON text, or the object. */
  async accept(name: string, report: string | object, by: CommandBy): Promise<RolloutStatus> {
    return this.#post(`/v1/rollouts/${encodeURIComponent(name)}/accept`, { ...by, report });
  }

  /** Any command but those that bring a plan; `more` is what only some of them take. */
  async command(
    name: string,
    command: Exclude<CommandName, 'revise' | 'accept'>,
    by: CommandBy,
    more: CommandMore = {},
  ): Promise<RolloutStatus> {
    return this.#post(`/v1/rollouts/${encodeURIComponent(name)}/${command}`, { ...by, ...more });
  }

  /** Notices that somebody was not told of, of one rollout if named. */
  async deadLetters(rollout?: string): Promise<readonly DeadLetter[]> {
    const query = rollout === undefined ? '' : `?rollout=${encodeURIComponent(rollout)}`;
    return (await this.#get<{ deadLetters: readonly DeadLetter[] }>(`/v1/dead-letters${query}`)).deadLetters;
  }

  /** Sends dead letters again, or drops them. Answers how many. */
  async settleDeadLetters(
    command: 'retry' | 'drop',
    choice: DeadLetterChoice,
    by: CommandBy,
  ): Promise<number> {
    return (await this.#post<{ count: number }>(`/v1/dead-letters/${command}`, { ...by, ...choice })).count;
  }

  /** Sends a test notice to a target of the system's configuration, and says what came back. */
  async testNotice(target: string, by: CommandBy): Promise<NoticeTrial> {
    return this.#post('/v1/test-notices', { ...by, target }, this.#timeoutMs + testNoticeExtraMs);
  }

  /**
   * Every event from now on, or after a sequence, of one rollout if named: each once, in order, across restarts of the
   * control plane, until `signal` aborts. Rejects when the first connection is refused.
   */
  watch(options: Omit<WatchOptions, 'url' | 'token' | 'fetch'>): AsyncGenerator<HistoryEntry, void> {
    return watchEvents({ ...options, url: this.url, token: this.#token, fetch: this.#fetch });
  }

  async decide(flag: string, context: EvaluationContext): Promise<EvaluationResult> {
    return this.#post('/v1/decide', { flag, context });
  }

  /** What processes cost, as the supervisor saw it. */
  async processSamples(samples: readonly ProcessSample[]): Promise<ProcessSamplesAnswer> {
    return this.#post('/v1/process-samples', { samples });
  }

  async ruleset(): Promise<Ruleset> {
    return this.#get('/v1/ruleset');
  }

  #get<T>(path: string): Promise<T> {
    return this.#request(path, { method: 'GET' });
  }

  #post<T>(path: string, body: unknown, timeoutMs?: number): Promise<T> {
    return this.#request(path, { method: 'POST', body: JSON.stringify(body) }, timeoutMs);
  }

  async #request<T>(path: string, init: RequestInit, timeoutMs = this.#timeoutMs): Promise<T> {
    const headers = { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' };
    let response: Response;
    let text: string;
    try {
      response = await this.#fetch(new URL(path, this.url), {
        ...init,
        headers,
        signal: AbortSignal.timeout(timeoutMs),
      });
      text = await response.text();
    } catch (cause) {
      throw new CrossfadeError(
        'CONTROL_PLANE_UNREACHABLE',
        `Expected a running system at ${this.url}, got no answer (${messageOf(cause)}). Start one with: crossfade up`,
        { cause },
      );
    }
    const answer = asJson(text);
    if (response.ok && answer !== undefined) return answer as T;
    throw refusalOf(this.url, response.status, text);
  }
}

/** Reads where the system of a data folder listens, or CONTROL_PLANE_UNREACHABLE with what to do. */
export async function readControlAddress(dataFolder: string): Promise<ControlAddress> {
  try {
    const { url } = JSON.parse(await readFile(join(dataFolder, addressFileName), 'utf8')) as {
      url?: unknown;
    };
    const token = (await readFile(join(dataFolder, tokenFileName), 'utf8')).trim();
    if (typeof url !== 'string' || token === '') throw new Error('the files there are not complete');
    return { url, token };
  } catch (cause) {
    // Not there: no system runs, or it runs on another folder. Anything else is worth its own words.
    const isGone = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new CrossfadeError(
      'CONTROL_PLANE_UNREACHABLE',
      `Expected a running system on the data folder ${dataFolder}, got none${isGone ? '' : ` (${messageOf(cause)})`}. Start one with: crossfade up, or name its folder with --data.`,
      { cause },
    );
  }
}
