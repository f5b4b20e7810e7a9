import { once } from 'node:events';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { Journal } from '../journal/journal.ts';
import { startTestGateway } from './gateway.fixture.ts';
import { startScriptedUpstream } from './scripted-upstream.fixture.ts';

test('a client is told the id of its session only when a gateway that is killed would find it again', async () => {
  const control = await startScriptedUpstream({});
  let isDurable = false;
  let commit = (): void => undefined;
  const seenJournal = (journal: Journal): Journal =>
    new Proxy(journal, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (name !== 'commit') return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        return async () => {
          await new Promise<void>((resolve) => (commit = resolve));
          await journal.commit();
          isDurable = true;
        };
      },
    });
  const running = await startTestGateway({ upstreams: [{ name: 'control', url: control.url }], seenJournal });
  const socket = new WebSocket(running.url({ ack: '1' }));
  const told = once(socket, 'message').then(([data]) => ({
    message: JSON.parse((data as Buffer).toString()) as unknown,
    isDurable,
  }));
  try {
    await once(socket, 'open');
    commit();
    expect(await told).toMatchObject({ message: { type: 'Resume', next_sample: 0 }, isDurable: true });
  } finally {
    socket.terminate();
    await running.close();
    await control.close();
  }
});
