import { CrossfadeError } from '@crossfade/sdk/core/errors';

/** A request's body as text. BODY_TOO_LARGE as soon as it passes the limit, whatever its header promised. */
export async function readBody(request: Request, maxBytes: number): Promise<string> {
  const tooLarge = (got: string): CrossfadeError =>
    new CrossfadeError('BODY_TOO_LARGE', `Expected a body of at most ${maxBytes} bytes, got ${got}.`);
  const promised = Number(request.headers.get('content-length') ?? 0);
  if (promised > maxBytes) throw tooLarge(`${promised}`);
  if (request.body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge('more');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
