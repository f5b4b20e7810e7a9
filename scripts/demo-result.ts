/** What the demo's last line of stdout promises, as far as a release depends on it. */
interface DemoResult {
  readonly audioOfferedMs?: unknown;
  readonly audioLostMs?: unknown;
  readonly duplicateEntries?: unknown;
  readonly orphans?: unknown;
  readonly sessions?: Readonly<Record<string, unknown>>;
  readonly acceptance?: { readonly result?: unknown } | null;
  readonly engines?: Readonly<Record<string, unknown>>;
  readonly rollouts?: readonly { readonly state?: unknown; readonly receipt?: unknown }[];
}

/** What is wrong with a run of `crossfade demo --json`, a sentence each. */
export function demoProblems(exitCode: number, stdout: string): readonly string[] {
  if (exitCode !== 0) return [`expected exit code 0, got ${exitCode}`];
  const lastLine = stdout.trimEnd().split('\n').at(-1) ?? '';
  let result: DemoResult;
  try {
    result = JSON.parse(lastLine) as DemoResult;
  } catch {
    return [`expected one JSON object in the last line of stdout, got "${lastLine.slice(0, 80)}"`];
  }
  const problems: string[] = [];
  if (!(typeof result.audioOfferedMs === 'number' && result.audioOfferedMs > 0)) {
    problems.push(`expected audio to flow, got audioOfferedMs ${String(result.audioOfferedMs)}`);
  }
  for (const field of ['audioLostMs', 'duplicateEntries'] as const) {
    if (result[field] !== 0) problems.push(`expected ${field} 0, got ${String(result[field])}`);
  }
  if (typeof result.orphans !== 'number')
    problems.push(`expected a count of orphans, got ${String(result.orphans)}`);
  const served = Object.values(result.sessions ?? {});
  if (served.length < 2 || !served.every((count) => typeof count === 'number' && count > 0)) {
    problems.push(`expected sessions of every pipeline, got ${JSON.stringify(result.sessions)}`);
  }
  if (Object.keys(result.engines ?? {}).length === 0) problems.push('expected sessions by engine, got none');
  if (result.acceptance?.result !== 'passed')
    problems.push(`expected acceptance to pass, got ${String(result.acceptance?.result)}`);
  const rollouts = result.rollouts ?? [];
  for (const state of ['completed', 'rolled-back']) {
    const found = rollouts.filter((rollout) => rollout.state === state);
    if (found.length !== 1) problems.push(`expected one rollout ${state}, got ${found.length}`);
    if (state === 'rolled-back' && found.some((rollout) => rollout.receipt === undefined)) {
      problems.push('expected a receipt of the rolled-back rollout, got none');
    }
  }
  return problems;
}
