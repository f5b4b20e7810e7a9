import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@crossfade/sdk/core/clock';
import { remoteTarget, runAcceptance, type AcceptanceReport } from '@crossfade/server/acceptance';
import { describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { AssemblyAiDriver } from '../examples/assemblyai-driver.ts';
import {
  hearTones,
  testScenarios,
  tinyProfile,
} from '../packages/crossfade/src/acceptance/acceptance.fixture.ts';
import { ToneProbe } from '../packages/crossfade/src/acceptance/tone-probe.ts';

type AtEnd = (close: () => Promise<void>) => void;

/** A server written from AssemblyAI's public protocol. `kept`: share of the audio that it hears. */
async function serve(
  atEnd: AtEnd,
  options: { readonly key: string; readonly kept?: number },
): Promise<string> {
  const http = createServer((_request, response) => response.writeHead(404).end());
  const sockets = new WebSocketServer({ noServer: true });
  http.on('upgrade', (request, socket, head) => {
    if (request.headers.authorization !== options.key) {
      socket.end('HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (client) => converse(client, options.kept ?? 1));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  atEnd(async () => {
    for (const client of sockets.clients) client.terminate();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  return `ws://127.0.0.1:${(http.address() as AddressInfo).port}/v3/ws`;
}

function converse(client: WebSocket, kept: number): void {
  const parts: Buffer[] = [];
  client.send('{"type":"Begin","id":"s1","expires_at":1}');
  client.on('message', (data: Buffer, isBinary) => {
    if (isBinary) {
      parts.push(data);
      return;
    }
    const bytes = Buffer.concat(parts);
    const audio = new Int16Array(bytes.length / 2).map((_, i) => bytes.readInt16LE(2 * i));
    const heard = hearTones(audio.subarray(0, Math.floor(audio.length * kept)));
    const words = heard.map(({ word, start, end }) => {
      return { text: word, start: start * 1_000, end: end * 1_000, confidence: 0.9, word_is_final: true };
    });
    const transcript = words.map(({ text }) => text).join(' ');
    const turn = { type: 'Turn', turn_order: 0, turn_is_formatted: false, transcript };
    client.send(JSON.stringify({ ...turn, end_of_turn: false, words }));
    client.send(JSON.stringify({ ...turn, end_of_turn: true, words }));
    client.send('{"type":"Termination","audio_duration_seconds":1,"session_duration_seconds":1}');
    client.close(1000);
  });
}

function accept(url: string, key = 'right'): Promise<AcceptanceReport> {
  return runAcceptance({
    target: remoteTarget(url),
    drivers: { stock: (address) => new AssemblyAiDriver(address, key) },
    probe: new ToneProbe(),
    scenarios: testScenarios,
    profile: tinyProfile,
    seed: 3,
    requirement: { level: 'within-limits', levels: {}, waivers: [] },
    suite: '0.0.0-test',
    clock: systemClock,
  });
}

const resultOf = (report: AcceptanceReport, id: string): string | undefined =>
  report.metrics.find((metric) => metric.id === id)?.result;

describe.concurrent('a driver of another protocol', () => {
  it('has every metric that its protocol can show, proven by the same probe', async ({ onTestFinished }) => {
    const report = await accept(await serve(onTestFinished, { key: 'right' }));
    expect(report.target.protocol).toBe('AssemblyAI /v3/ws');
    for (const id of ['capture-completeness', 'orphan-rate', 'missed-tail', 'duplicate-artifacts'])
      expect([id, resultOf(report, id)]).toEqual([id, 'within-limits']);
    expect(report.metrics.find(({ id }) => id === 'capture-completeness')?.value).toBe(1);
  });

  it('shows a server that does not hear the ends of its sessions', async ({ onTestFinished }) => {
    const report = await accept(await serve(onTestFinished, { key: 'right', kept: 0.7 }));
    expect(['failed', 'inconclusive']).toContain(resultOf(report, 'missed-tail'));
  });

  it('says so when the key is wrong', async ({ onTestFinished }) => {
    const report = await accept(await serve(onTestFinished, { key: 'right' }), 'wrong');
    expect(report.result).toBe('could-not-run');
    expect(report.sentence).toContain('HTTP 401');
  });
});
