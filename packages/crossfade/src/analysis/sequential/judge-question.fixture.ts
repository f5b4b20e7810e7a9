/** What tests ask the judge of the first epoch, at a look with a random control; the moment is theirs. */
export const question = {
  epoch: 1,
  hasRandomControl: true,
  alpha: 0.05,
  horizonMinutes: 2_880,
  plannedSessions: 100,
  isLook: true,
  gates: [],
  expectedGapMs: null,
} as const;
