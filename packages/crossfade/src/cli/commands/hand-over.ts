import type { AcceptanceReport } from '../../acceptance/report.ts';
import { ControlClient } from '../../server/control-client.ts';
import { actorName, type CommandIo } from '../command-io.ts';
import { resolveDataDir } from '../data-folder.ts';
import { statusText } from './rollout-text.ts';

/** Who is handed a report, and by whom. */
export interface HandOver {
  /** The rollout that waits for it. */
  readonly for: string;
  readonly data?: string;
  readonly actor?: string;
}

/** Hands a report to a rollout of the running system; rejects with the sentence of its refusal. */
export async function handOver(report: AcceptanceReport, to: HandOver, io: CommandIo): Promise<string> {
  const client = await ControlClient.forDataFolder(resolveDataDir(to.data, io.env));
  const by = { actor: actorName(to.actor, io), reason: `crossfade accept, seed ${report.run.seed}` };
  return statusText(await client.accept(to.for, report, by));
}
