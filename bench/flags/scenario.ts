/**
 * What every row of the benchmark decides: of the users in Switzerland 30 % get `streaming`, everybody else `legacy`.
 * Each library gets it in its own words; what it answers is checked against the same expectations.
 */
export const flagKey = 'transcriber';
export const share = 0.3;
export const control = 'legacy';
export const candidate = 'streaming';
export const country = 'CH';

export type User = {
  readonly targetingKey: string;
  readonly country: string;
  readonly appVersion: string;
};

/** Two of three are in Switzerland; ids as apps have them, between 9 and 13 characters. */
export const users: readonly User[] = Array.from({ length: 10_000 }, (_, at) => ({
  targetingKey: `user-${at * 7_919}`,
  country: at % 3 === 0 ? 'DE' : country,
  appVersion: `2.${at % 20}.0`,
}));

/** Standard deviations that a share may be off: one run in 150,000 of a correct library would be refused. */
const deviationsMax = 4.5;

/** What is wrong with a library's answers to all users, one per user; empty: nothing. */
export function problemsOf(answers: readonly string[]): readonly string[] {
  const problems: string[] = [];
  const strangers = answers.filter((answer) => answer !== control && answer !== candidate);
  if (strangers.length > 0) problems.push(`${strangers.length} answers are neither variant`);
  const outside = answers.filter((answer, at) => users[at]?.country !== country && answer !== control);
  if (outside.length > 0) problems.push(`${outside.length} users outside the rule got the candidate`);
  const inside = answers.filter((_, at) => users[at]?.country === country);
  const got = inside.filter((answer) => answer === candidate).length;
  const deviation = Math.sqrt(inside.length * share * (1 - share));
  if (Math.abs(got - inside.length * share) > deviationsMax * deviation) {
    problems.push(`${got} of ${inside.length} got the candidate, expected ${share * 100} %`);
  }
  return problems;
}
