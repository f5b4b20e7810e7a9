import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Notice } from '../controller/notice.ts';
import { itemsOf, type NoticeRoute } from '../controller/notice-routes.ts';
import type { PendingOutboxItem } from '../store/store.ts';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What a receiver does with a call: answers this status and these headers, or nothing at all. */
export type Answer = { readonly status: number; readonly headers?: Record<string, string> } | 'hangs';

/** A real HTTP server on the loopback address, its answers scripted, the last one repeated. */
export class Receiver {
  readonly received: Received[] = [];
  readonly #server: Server;
  readonly #waiters: (() => void)[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(...answers: readonly Answer[]): Promise<Receiver> {
    const server = createServer();
    const receiver = new Receiver(server);
    server.on('request', (request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        const index = Math.min(receiver.received.length, answers.length - 1);
        receiver.received.push({ path: request.url ?? '', headers: request.headers, body });
        for (const wake of receiver.#waiters.splice(0)) wake();
        const answer = answers[index] ?? { status: 204 };
        if (answer !== 'hangs') response.writeHead(answer.status, answer.headers ?? {}).end('thanks');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  url(host = '127.0.0.1'): string {
    return `http://${host}:${this.port}/hook`;
  }

  /** Resolves when so many calls came. */
  async calls(count: number): Promise<void> {
    while (this.received.length < count) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A rollback as the judge starts it. */
export const rollbackNotice: Notice = {
  id: 'new-engine:9:rollback-started',
  kind: 'rollback-started',
  severity: 'critical',
  atMs: Date.UTC(2026, 0, 2, 3, 4, 5),
  rollout: 'new-engine',
  flag: 'transcription',
  control: 'legacy',
  candidate: 'streaming',
  build: 'build-2',
  stage: '10',
  sharePercent: 0,
  actor: 'judge',
  reason: 'finalization p95: 1,730 ms against 1,210 ms in control, limit 1,500.',
  title: 'new-engine: streaming (build build-2) is being rolled back',
  howBad: 'finalization p95: 1,730 ms against 1,210 ms in control, limit 1,500.',
  forWhom: '10 % of users; stage 10.',
  howSure: 'Verdict fail over 412 sessions of the candidate, 3,700 of control.',
  done: 'No new session gets streaming; open ones migrate. legacy serves.',
  nextStep: 'Nothing now: the receipt follows.',
  verdict: {
    verdict: 'fail',
    sentence: 'finalization p95: 1,730 ms against 1,210 ms in control, limit 1,500.',
    metric: 'finalization-latency',
    candidate: 1_730,
    control: 1_210,
    limit: 1_500,
    bound: 1_650,
    sessions: { candidate: 412, control: 3_700 },
  },
  receipt: null,
};

export function itemOf(route: NoticeRoute, notice: Notice = rollbackNotice): PendingOutboxItem {
  const [item] = itemsOf(notice, [route]);
  return { ...item!, createdAtMs: 0, attempts: 0 };
}
