import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { expect, it } from 'vitest';
import { WarningDigest } from './warning-digest.ts';

it('shows a warning at once, then at most every ten seconds with how often it came', () => {
  const clock = new ManualClock();
  const shown: string[] = [];
  const digest = new WarningDigest(clock, (line) => shown.push(line));
  for (let i = 0; i < 42; i += 1) digest.add('upstream failed');
  digest.add('disk is slow');
  clock.advance(9_999);
  digest.add('upstream failed');
  clock.advance(1);
  digest.add('upstream failed');
  expect(shown).toEqual(['upstream failed', 'disk is slow', 'upstream failed (and 42 times before)']);
});
