import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ChildProgram } from './engine-child.ts';

/**
 * A child that speaks the real protocol over a real channel and does what its config says: hears at once or
 * never (`deaf`), refuses to start, fails on a stream, or dies on a sample with the value 666.
 */
const source = `
let config;
const say = (message) => process.send(message);
process.on('disconnect', () => process.exit(0));
process.on('message', (message) => {
  const { type, stream } = message;
  if (type === 'configure') {
    config = message.config;
    if (config.refuse) say({ type: 'refused', message: config.refuse });
    else if (!config.hang) say({ type: 'ready' });
  } else if (type === 'open') say(config.unable ? { type: 'failed', stream, message: config.unable } : { type: 'opened', stream });
  else if (type === 'audio') {
    if (message.samples[0] === 666) { console.error('assertion failed: lattice != NULL'); process.kill(process.pid, 'SIGABRT'); }
    if (message.samples[0] === 13) say({ type: 'failed', stream, message: 'unlucky' });
    if (config.deaf) return;
    say({ type: 'event', stream, event: { type: 'speech-started', sample: message.samples.length } });
    say({ type: 'heard', stream, samples: message.samples.length });
  } else if (type === 'flush' && !config.deaf) say({ type: 'flushed', stream, flush: message.flush });
});
`;

/** Writes the child's program to a folder of its own. */
export function scriptedChild(): { program(config?: object): ChildProgram; remove(): Promise<void> } {
  const folder = mkdtempSync(join(tmpdir(), 'crossfade-child-'));
  const path = join(folder, 'child.mjs');
  writeFileSync(path, source);
  return {
    program: (config = {}) => ({ entry: pathToFileURL(path), env: {}, config, name: 'scripted' }),
    remove: () => rm(folder, { recursive: true }),
  };
}
