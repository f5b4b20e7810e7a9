import { expect, test } from 'vitest';
import { BufferRoom } from './buffer-room.ts';

const mb = 1_048_576;

test('one peer may have its own limit waiting, until all together have theirs; then an equal share', () => {
  const room = new BufferRoom(mb, 10 * mb);
  room.counted(Array.from({ length: 40 }, () => 0.2 * mb));
  expect(room.limit).toBe(mb);
  room.added(2 * mb);
  expect(room.limit).toBe(mb / 4);
  room.counted([0]);
  expect(room.limit).toBe(mb);
});

test('a share is never so small that a session could not go on', () => {
  const room = new BufferRoom(mb, mb);
  room.counted(Array.from({ length: 1_000 }, () => mb));
  expect(room.limit).toBe(65_536);
});
