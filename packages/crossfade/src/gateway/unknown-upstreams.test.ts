import { silentLog } from '@crossfade/sdk/core/log';
import { afterEach, expect, test } from 'vitest';
import { openStockClient, startTestGateway } from './gateway.fixture.ts';
import { audioOf, startScriptedUpstream, textOf } from './scripted-upstream.fixture.ts';

const toClose: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const thing of toClose.splice(0).reverse()) await thing.close();
});

test('a candidate that the gateway cannot route to is told of once; control serves its sessions', async () => {
  const control = await startScriptedUpstream();
  toClose.push(control);
  const warned: string[] = [];
  const gateway = await startTestGateway({
    upstreams: [{ name: 'control', url: control.url }],
    candidate: 'nowhere',
    log: { ...silentLog, warn: (_, message) => void warned.push(message) },
  });
  toClose.push(gateway);
  for (let session = 0; session < 2; session++) {
    const client = await openStockClient(gateway.url());
    client.send(audioOf(0, 4));
    client.say('CloseStream');
    await client.closed;
    expect(client.text()).toBe(textOf(0, 4));
    expect((await gateway.nextRecord()).assignment).toMatchObject({ arm: 'control', reason: 'ERROR' });
  }
  expect(warned).toEqual([
    'a rollout names upstream "nowhere", which this gateway does not know (it has control); control serves its sessions',
  ]);
});
