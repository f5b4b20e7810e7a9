import { expect, test } from 'vitest';
import { OrderedSends } from './ordered-sends.ts';

/** A promise and the ways to end it. */
function pending() {
  let end: Parameters<ConstructorParameters<typeof Promise<void>>[0]>;
  const promise = new Promise<void>((...ways) => (end = ways));
  return { promise, resolve: () => end[0](), reject: () => end[1](new Error('the journal ended')) };
}

const said: string[] = [];
const say = (text: string) => () => void said.push(text);
const soon = () => new Promise((resolve) => setImmediate(resolve));

function sendsOf(waitingMax = 10, onFull = (): void => {}): OrderedSends {
  said.length = 0;
  return new OrderedSends(waitingMax, onFull);
}

test('what waits for nothing is sent at once', () => {
  const sends = sendsOf();
  sends.send(say('a'));
  expect(said).toEqual(['a']);
});

test('nothing overtakes what waits, whichever is ready first', async () => {
  const sends = sendsOf();
  const [first, second] = [pending(), pending()];
  sends.sendAfter(first.promise, say('a'));
  sends.send(say('b'));
  sends.sendAfter(second.promise, say('c'));
  second.resolve();
  await soon();
  expect(said).toEqual([]);
  first.resolve();
  await soon();
  expect(said).toEqual(['a', 'b', 'c']);
  sends.send(say('d'));
  expect(said).toEqual(['a', 'b', 'c', 'd']);
});

test('behind a wait that fails nothing is sent any more', async () => {
  const sends = sendsOf();
  const first = pending();
  sends.sendAfter(first.promise, say('a'));
  first.reject();
  await soon();
  sends.send(say('b'));
  expect(said).toEqual([]);
});

test('more than may wait is not kept, and said', () => {
  let full = 0;
  const sends = sendsOf(2, () => (full += 1));
  sends.sendAfter(pending().promise, say('a'));
  for (const text of ['b', 'c', 'd']) sends.send(say(text));
  expect(full).toBe(2);
});
