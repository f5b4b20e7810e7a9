import { fileHeaderBytes } from './file-header.ts';
import type { JournalFs } from './journal-fs.ts';
import { loadFile } from './load-file.ts';
import type { LoadedFile } from './load-file.ts';
import type { ScannedFile } from './scan.ts';

/**
 * Cuts what a power cut left in disorder. The kernel may keep a later block and lose an earlier one, as long as no
 * fdatasync covered them. Behind the latest mark, therefore, the first thing that is missing ends the journal:
 * what stands behind it was never acknowledged, and whoever sent it sends it again. So the state after a crash is
 * always the state at some moment before it. A block that is bad before the mark was acknowledged once and has
 * decayed: it costs its own records only, and shows as a hole.
 */
export async function trimUnsure(
  fs: JournalFs,
  folder: string,
  files: readonly LoadedFile[],
): Promise<readonly LoadedFile[]> {
  const certain = files.findLast((file) => (file.scan?.marked ?? 0) > 0);
  const trimmed: LoadedFile[] = [];
  for (const file of files) {
    const { scan, identity, name } = file;
    const unsure = certain === undefined || identity.sequence >= certain.identity.sequence;
    if (scan === undefined || !unsure) {
      trimmed.push(file);
      continue;
    }
    const sureBytes = file === certain ? scan.marked : 0;
    const firstBad = scan.badBlocks.find((block) => block.offset >= sureBytes)?.offset;
    const orphaned = sureBytes === 0 && lacksPredecessor(scan, trimmed);
    const limit = orphaned ? fileHeaderBytes : firstBad;
    trimmed.push(limit === undefined ? file : await loadFile(fs, folder, name, identity, true, limit));
  }
  return trimmed;
}

/** True when the file goes on from one that is there but shorter than it was: something between them is missing. */
function lacksPredecessor({ follows }: ScannedFile, before: readonly LoadedFile[]): boolean {
  const previous = before.find((file) => file.identity.sequence === follows?.sequence);
  if (follows === undefined || previous === undefined) return false;
  return (previous.scan?.validEnd ?? previous.bytes) < follows.bytes;
}
