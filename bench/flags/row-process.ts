/** A process that measures one row: it says that it is ready, and then for each number of passes what they cost. */
import { rows, type Decider } from './rows.ts';
import { candidate, problemsOf, users } from './scenario.ts';

export interface Measured {
  /** CPU nanoseconds a decision, all threads of the process. */
  readonly ns: number;
}

const name = process.argv[2] ?? '';
const make = rows[name];
if (make === undefined) throw new Error(`Expected a row (${Object.keys(rows).join(', ')}), got "${name}".`);
const { contextOf, decide, close }: Decider = await make();
const contexts = users.map((user) => contextOf(user) as never);

/** All users once; answers how many got the candidate. */
function pass(): number | Promise<number> {
  let got = 0;
  for (let at = 0; at < contexts.length; at++) {
    const answer = decide(contexts[at] as never);
    if (typeof answer !== 'string') return passAsync(at, got, answer);
    if (answer === candidate) got++;
  }
  return got;
}

async function passAsync(from: number, gotBefore: number, first: Promise<string>): Promise<number> {
  let got = gotBefore + ((await first) === candidate ? 1 : 0);
  for (let at = from + 1; at < contexts.length; at++) {
    if ((await decide(contexts[at] as never)) === candidate) got++;
  }
  return got;
}

const answers: string[] = [];
for (const context of contexts) answers.push(await decide(context));
const expected = answers.filter((answer) => answer === candidate).length;

async function measure(passes: number): Promise<Measured> {
  const before = process.cpuUsage();
  for (let at = 0; at < passes; at++) {
    const counted = pass();
    const got = typeof counted === 'number' ? counted : await counted;
    if (got !== expected)
      throw new Error(`${name}: ${got} got the candidate in this pass, ${expected} before.`);
  }
  const { user, system } = process.cpuUsage(before);
  return { ns: ((user + system) * 1_000) / (passes * contexts.length) };
}

process.on('message', (passes: number) => {
  if (passes === 0) {
    close?.();
    process.disconnect();
    return;
  }
  void measure(passes).then((measured) => process.send?.(measured));
});
process.send?.({ problems: problemsOf(answers) });
