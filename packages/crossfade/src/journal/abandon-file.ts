import { join } from 'node:path';
import { messageOf } from '@crossfade/sdk/core/errors';
import type { JournalFs } from './journal-fs.ts';
import type { JournalLog } from './journal-log.ts';
import type { Segment } from './segment.ts';

interface Disk {
  readonly fs: JournalFs;
  readonly folder: string;
  readonly log: JournalLog;
}

/**
 * Cuts a failed file to what was acknowledged, or removes it when that is nothing. May fail too, and then the same
 * records stand in two files: a reader takes the first, an erasure finds both.
 */
export async function abandonFile(disk: Disk, segment: Segment): Promise<void> {
  const { fs, folder, log } = disk;
  try {
    if (segment.durable > 0 && segment.fd !== undefined) await fs.truncate(segment.fd, segment.durable);
    else if (segment.fd !== undefined) await fs.remove(join(folder, segment.name));
  } catch (error) {
    log.warn({ file: segment.name, reason: messageOf(error) }, 'failed journal file could not be cut');
  }
  await closeFile(disk, segment);
}

export async function closeFile({ fs, log }: Disk, segment: Segment): Promise<void> {
  const fd = segment.fd;
  segment.fd = undefined;
  if (fd === undefined) return;
  try {
    await fs.close(fd);
  } catch (error) {
    log.warn({ file: segment.name, reason: messageOf(error) }, 'journal file could not be closed');
  }
}
