import type { Context } from 'hono';
import { parseJson } from '../wire/control.ts';
import { readBody } from './read-body.ts';

/** The body of a request as a value; MESSAGE_INVALID when it is no JSON, BODY_TOO_LARGE before it is read whole. */
export async function jsonBody(context: Context, maxBytes: number): Promise<unknown> {
  return parseJson(await readBody(context.req.raw, maxBytes), 'a body');
}
