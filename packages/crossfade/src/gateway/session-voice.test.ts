import { expect, test } from 'vitest';
import type { ListenQuery } from '../wire/listen-query.ts';
import { SessionVoice } from './session-voice.ts';

test('a client that comes back to a long session gets all its finals, however long the disk takes', async () => {
  let write = (): void => {};
  const written = new Promise<void>((resolve) => (write = resolve));
  const query = { model: 'general', sampleRate: 16_000 } as ListenQuery;
  const voice = new SessionVoice('session', query, () => written);
  const told: object[] = [];
  const closed: string[] = [];
  voice.turnTo({
    acks: true,
    send: (message) => void told.push(message),
    durable: () => {},
    close: (_, reason) => void closed.push(reason),
  });
  const finals = Array.from({ length: 5_000 }, (_, index) => ({
    segmentId: `s${index}`,
    start: index,
    end: index + 1,
    text: 'yes',
    words: [],
  }));
  voice.again(finals);
  voice.utteranceEnd(5_000);
  expect(told).toEqual([]);
  write();
  await written;
  expect(closed).toEqual([]);
  expect(told).toHaveLength(5_001);
  expect(told[4_999]).toMatchObject({ segment_id: 's4999', is_final: true });
});
