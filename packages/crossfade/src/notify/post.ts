import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { ComeAgain, Undeliverable } from '../controller/notifier.ts';
import { isPublicAddress } from './public-address.ts';

/** All addresses of a name. */
export type ResolveHost = (
  hostname: string,
  done: (error: Error | null, addresses: readonly LookupAddress[]) => void,
) => void;

export interface PostOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Hosts that may be at a private address. */
  readonly allowedHosts: ReadonlySet<string>;
  /** The system's resolver when absent. */
  readonly resolve?: ResolveHost;
}

const remedy = 'If it is meant, add the host to notifications.allowPrivateHosts of the system configuration.';

/**
 * Posts a body and resolves with what the receiver answered when that is 2xx. Redirects are not followed, and no answer is read but its
 * status. The check of the address is part of the connection: what was resolved and checked is what is connected to, so
 * that a name which resolves to another address a moment later reaches nothing private.
 */
export function post(url: URL, body: string, options: PostOptions): Promise<string> {
  const { headers, signal, allowedHosts } = options;
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const isAllowed = allowedHosts.has(hostname.toLowerCase());
  // A literal address is not looked up.
  if (isIP(hostname) !== 0 && !isAllowed && !isPublicAddress(hostname))
    return Promise.reject(refusal(hostname, hostname));
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = send(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
      // A connection of its own: one that is kept could have been made under another check.
      agent: false,
      signal,
      lookup: guardedLookup(isAllowed, options.resolve ?? systemResolve),
    });
    request.once('socket', (socket) =>
      socket.once('connect', () => {
        const { remoteAddress = '' } = socket;
        if (!isAllowed && !isPublicAddress(remoteAddress)) request.destroy(refusal(hostname, remoteAddress));
      }),
    );
    request.on('error', reject);
    request.once('response', (response) => {
      response.destroy();
      const { statusCode = 0 } = response;
      const problem = problemOf(statusCode, response.headers['retry-after']);
      if (problem === null) resolve(`answered ${statusCode}`);
      else reject(problem);
    });
    request.end(body);
  });
}

function guardedLookup(isAllowed: boolean, resolve: ResolveHost): LookupFunction {
  return (hostname, options, callback) =>
    resolve(hostname, (error, addresses) => {
      if (error !== null) return callback(error, '');
      const usable = addresses.filter(({ address }) => isAllowed || isPublicAddress(address));
      const [first] = usable;
      if (first === undefined) {
        const got = addresses.map(({ address }) => address).join(', ') || 'none';
        return callback(refusal(hostname, got), '');
      }
      if (options.all === true) callback(null, usable);
      else callback(null, first.address, first.family);
    });
}

const systemResolve: ResolveHost = (hostname, done) =>
  dnsLookup(hostname, { all: true }, (error, addresses) => done(error, addresses));

function refusal(hostname: string, address: string): Undeliverable {
  return new Undeliverable(`Expected ${hostname} at a public address, got ${address}. ${remedy}`);
}

/** Null for an answer that took it. */
function problemOf(status: number, retryAfter: string | undefined): Error | null {
  if (status >= 200 && status < 300) return null;
  if (status === 410)
    return new Undeliverable('Expected an answer of 2xx, got 410: the receiver is gone for good.');
  const redirected = status >= 300 && status < 400 ? '; redirects are not followed' : '';
  const message = `Expected an answer of 2xx, got ${status}${redirected}.`;
  const seconds = Number(retryAfter);
  return retryAfter !== undefined && Number.isFinite(seconds) && seconds > 0
    ? new ComeAgain(message, seconds * 1_000)
    : new Error(message);
}
