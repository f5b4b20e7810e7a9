import type { Command } from 'commander';
import { formatDurationMs } from '@crossfade/sdk/core/units';
import type { Plan } from '../../rollout/plan.ts';
import { type CommandIo, say } from '../command-io.ts';
import { readInput } from '../read-input.ts';
import { leaf } from './leaf.ts';
import { shareText } from './rollout-text.ts';

/** `crossfade plan validate FILE`. */
export function addPlan(program: Command, io: CommandIo): void {
  const plan = program.command('plan').description('Work with rollout plans.');
  leaf(plan, 'validate <file>', 'Say what a plan means, or what is wrong with it. Needs no running system.', [
    'crossfade plan validate examples/plan.yaml',
  ]).action(async (file: string, options: { readonly json?: boolean }) => {
    const { parsePlan } = await import('../../rollout/parse-plan.ts');
    const parsed = parsePlan(await readInput(file));
    say(io, options.json === true, { json: { valid: true, plan: parsed }, text: planText(parsed) });
  });
}

function planText({ name, flag, control, candidate, stages }: Plan): string {
  const lines = stages.map((stage) => {
    const who = [
      ...stage.audiences.map((audience) => `all of ${audience}`),
      `${shareText(stage.shareBuckets)} of the rest`,
    ];
    return `  ${stage.name.padEnd(12)} ${who.join(', ')}; bake ${formatDurationMs(stage.bakeMs)}`;
  });
  return [
    `${name} is a valid plan: flag ${flag}, ${candidate.variant} (build ${candidate.build}) against ${control.variant}.`,
    ...lines,
  ].join('\n');
}
