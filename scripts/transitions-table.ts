type Outcome = readonly string[] | string;
type Transitions = Readonly<Record<string, Readonly<Record<string, Outcome>>>>;

const begin = '<!-- transitions: made by scripts/generate-docs.ts -->';
const end = '<!-- /transitions -->';

/** The page with its table of transitions as `conformance/rollout/transitions.json` has it. */
export function withTransitions(page: string, transitions: Transitions): string {
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) {
    throw new Error(`Expected ${begin} and ${end} in the page, got a page without them.`);
  }
  return `${before}${begin}\n\n${table(transitions)}\n\n${end}${after}`;
}

function table(transitions: Transitions): string {
  const phases = Object.keys(Object.values(transitions)[0] ?? {}).filter((phase) => phase !== 'none');
  const rows = Object.entries(transitions).map(
    ([command, row]) => `| ${command} | ${phases.map((phase) => cell(row[phase] ?? [])).join(' | ')} |`,
  );
  return [`| | ${phases.join(' | ')} |`, `| --- |${' --- |'.repeat(phases.length)}`, ...rows].join('\n');
}

function cell(outcome: Outcome): string {
  if (typeof outcome === 'string') return outcome;
  return outcome.length === 0 ? '–' : outcome.map((event) => `\`${event}\``).join(', ');
}
