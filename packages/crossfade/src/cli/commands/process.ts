import { Argument, type Command } from 'commander';
import type { StartChild } from '../processes/child-main.ts';
import { childKinds, type ChildKind } from '../processes/messages.ts';

/** `crossfade process KIND`: one process of a system. Hidden: the supervisor starts it. */
export function addProcess(program: Command): void {
  program
    .command('process', { hidden: true })
    .description('One process of a system; started by "crossfade up".')
    .addArgument(new Argument('<kind>').choices(childKinds))
    .action(async (kind: ChildKind) => {
      const { runChild } = await import('../processes/child-main.ts');
      await runChild(kind, await startOf(kind));
    });
}

/** Loads the code of one process alone: a gateway has no use for a recognizer's. */
async function startOf(kind: ChildKind): Promise<StartChild> {
  if (kind === 'gateway') return (await import('../processes/gateway.ts')).startGatewayProcess;
  if (kind === 'pipeline') return (await import('../processes/pipeline.ts')).startPipelineProcess;
  return (await import('../processes/control-plane.ts')).startControlPlaneProcess;
}
