import { createServer } from 'node:net';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { below, type Random } from '@crossfade/sdk/core/random';

/**
 * Ports are taken from below the range that systems use for outgoing connections (Linux from 32,768): while a
 * killed child is down, no client's connection can sit on its address.
 */
const firstPort = 20_000;
const portCount = 12_000;
/** Tries for one free port; a machine where 50 random ports are all taken has another problem. */
const tryLimit = 50;

/** Chooses `count` different ports that are free on `host` at this moment. */
export async function choosePorts(host: string, count: number, random: Random): Promise<readonly number[]> {
  const chosen = new Set<number>();
  for (let tries = 0; chosen.size < count && tries < tryLimit * count; tries += 1) {
    const port = firstPort + below(random, portCount);
    if (!chosen.has(port) && (await isFree(host, port))) chosen.add(port);
  }
  if (chosen.size < count) {
    throw new CrossfadeError('PORT_IN_USE', `Expected ${count} free ports on ${host}, got ${chosen.size}.`);
  }
  return [...chosen];
}

/** Whether a server could listen there now. */
export function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
