import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { Webhook } from 'standardwebhooks';
import type { Environment } from './target.ts';

/** What the specification asks of a key. */
const keyBytes = { min: 24, max: 64 } as const;

const form = '"whsec_" and 24 to 64 bytes in base64, as in: echo "whsec_$(openssl rand -base64 32)"';

/**
 * The signers of the secret in this variable: two, with a blank between, while a secret is being changed. Throws
 * CONFIG_INVALID, naming the variable and never what is in it.
 */
export function signersOf(variable: string, env: Environment): readonly Webhook[] {
  const secrets = (env[variable] ?? '').split(/\s+/).filter((secret) => secret !== '');
  if (secrets.length === 0) {
    throw new CrossfadeError(
      'CONFIG_INVALID',
      `Expected ${variable} in the environment of the control plane to hold ${form}; it is not set.`,
    );
  }
  return secrets.map((secret) => {
    const bytes = secret.startsWith('whsec_')
      ? Buffer.from(secret.slice('whsec_'.length), 'base64').length
      : 0;
    if (bytes < keyBytes.min || bytes > keyBytes.max) {
      throw new CrossfadeError(
        'CONFIG_INVALID',
        `Expected ${variable} to hold ${form}; it holds something else.`,
      );
    }
    return new Webhook(secret);
  });
}
