import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { ProcessUsage } from './process-watch.ts';

/** Ticks of a second in /proc: the kernel's interface has it at 100 on every architecture that Node runs on. */
const ticksPerSecond = 100;
/** Where utime stands behind the name of the process in /proc/PID/stat, which may hold spaces itself. */
const utimeField = 11;
/** `ps` answers in milliseconds; past this the machine has no answer. */
const psLimitMs = 5_000;

/**
 * CPU time and memory of processes together, as the operating system counts them; one that is gone counts nothing. From
 * /proc where there is one, else from `ps`, which counts CPU time in whole seconds on some systems.
 */
export async function usageOf(pids: readonly number[]): Promise<ProcessUsage> {
  const usages =
    process.platform === 'linux'
      ? await Promise.all(pids.map((pid) => usageInProc(pid)))
      : await usagesByPs(pids);
  return {
    cpuMs: Math.round(usages.reduce((sum, { cpuMs }) => sum + cpuMs, 0)),
    rssBytes: usages.reduce((sum, { rssBytes }) => sum + rssBytes, 0),
  };
}

async function usageInProc(pid: number): Promise<ProcessUsage> {
  try {
    const [stat, status] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/status`, 'utf8'),
    ]);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[utimeField]) + Number(fields[utimeField + 1]);
    const [, rssKb = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
    return { cpuMs: (ticks * 1_000) / ticksPerSecond, rssBytes: Number(rssKb) * 1_024 };
  } catch {
    return { cpuMs: 0, rssBytes: 0 };
  }
}

/** Also when `ps` answers with an error: it does when one of the processes is gone. */
async function usagesByPs(pids: readonly number[]): Promise<readonly ProcessUsage[]> {
  const asked = promisify(execFile)('ps', ['-o', 'rss=,time=', '-p', pids.join(',')], { timeout: psLimitMs });
  const { stdout } = await asked.catch((error: { stdout?: string }) => ({ stdout: error.stdout ?? '' }));
  return parsePs(stdout);
}

/** Lines of kilobytes and `[[days-]hours:]minutes:seconds`. */
export function parsePs(text: string): readonly ProcessUsage[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [rssKb = '0', time = '0'] = line.trim().split(/\s+/);
      const [days, clock = ''] = time.includes('-') ? time.split('-') : ['0', time];
      const seconds = clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
      return { cpuMs: (Number(days) * 86_400 + seconds) * 1_000, rssBytes: Number(rssKb) * 1_024 };
    });
}
