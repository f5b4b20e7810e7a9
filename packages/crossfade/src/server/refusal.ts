import { CrossfadeError, errorTable, type ErrorCode } from '@crossfade/sdk/core/errors';
import { errorAnswerSchema } from '../wire/control.ts';

/** The error that a control plane answered with, as its caller throws it. */
export function refusalOf(url: string, status: number, text: string): CrossfadeError {
  const error = errorAnswerSchema.safeParse(asJson(text));
  if (!error.success) {
    return new CrossfadeError(
      'CONTROL_PLANE_UNREACHABLE',
      `Expected a control plane at ${url}, got answer ${status} of another program.`,
    );
  }
  const { code, message, detail } = error.data;
  const known = code in errorTable ? (code as ErrorCode) : 'INTERNAL';
  return new CrossfadeError(known, message, detail === undefined ? {} : { detail });
}

/** JSON text as a value; undefined when it is none. */
export function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
