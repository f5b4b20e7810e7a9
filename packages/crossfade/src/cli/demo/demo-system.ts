import type { EngineName } from '../../engines/engine.ts';
import type { DefectName } from '../../pipelines/defects.ts';
import { parseSystemConfig, type SystemConfig } from '../system-config.ts';
import type { DemoEngines } from './engine-choice.ts';

/** Defects that a demo can show, and what the judge may name for each. */
export const demoCulprits = {
  'slow-finals': ['finalization-latency', 'stop-latency'],
  'lost-frames': ['capture-completeness'],
  orphans: ['orphan-rate'],
  'crash-loop': ['dead-candidate', 'error-rate', 'early-failure'],
} as const satisfies Partial<Record<DefectName, readonly string[]>>;

export type DemoDefect = keyof typeof demoCulprits;
export const demoDefects = Object.keys(demoCulprits) as readonly DemoDefect[];

/** The pipelines of the demo, in the order in which they serve. */
export const demoPipelines = { old: 'legacy', good: 'streaming', bad: 'streaming-next' } as const;

/** Half of the finals: clear in a handful of sessions. */
const defectShare = 0.5;

/**
 * The demo's system: the old pipeline, the candidate, and a second candidate that is started later and has a
 * defect. Only that pipeline's own process knows of the defect.
 */
export function demoSystem(engines: DemoEngines, defect: { name: DemoDefect; seed: number }): SystemConfig {
  const names: readonly EngineName[] =
    engines === 'tone' ? ['tone'] : ['pocketsphinx-grammar', 'pocketsphinx', 'tone'];
  const { old, good, bad } = demoPipelines;
  const config = {
    gateway: { port: 0 },
    control: old,
    pipelines: [
      { name: old, kind: 'legacy', build: 'legacy-7', engines: names },
      { name: good, kind: 'streaming', build: 'streaming-1', engines: names },
      {
        name: bad,
        kind: 'streaming',
        build: 'streaming-2',
        engines: names,
        defect: { ...defect, share: defectShare },
        autostart: false,
      },
    ],
  };
  return parseSystemConfig(JSON.stringify(config), 'the demo');
}
