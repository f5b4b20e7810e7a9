import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';

const systemSentences: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens on this port; name another with --port',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOENT: 'there is no such file',
  EISDIR: 'that is a folder',
  ENOTDIR: 'a part of the path is not a folder',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk is read only',
  EMFILE: 'this process has too many files open',
};

/** Any thrown thing as one sentence on one line, without a stack. */
export function sentenceOf(error: unknown): string {
  if (error instanceof CrossfadeError) return oneLine(error.message);
  const { code, path, port } = (error ?? {}) as { code?: unknown; path?: unknown; port?: unknown };
  const known = typeof code === 'string' ? systemSentences[code] : undefined;
  if (known === undefined) return oneLine(`unexpected: ${messageOf(error)}`);
  const place = typeof path === 'string' ? `${path}: ` : typeof port === 'number' ? `port ${port}: ` : '';
  return `${place}${known}.`;
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}
