import { afterEach } from 'vitest';
import { startTestGateway, type TestGateway, type TestGatewayOptions } from './gateway.fixture.ts';
import { type Script, type ScriptedUpstream, startScriptedUpstream } from './scripted-upstream.fixture.ts';

/** Starts upstreams and gateways for the tests of a file, and closes what each test started, the last first. */
export function startedForTests() {
  const toClose: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const thing of toClose.splice(0).reverse()) await thing.close();
  });
  return {
    async upstream(script: Script = {}): Promise<ScriptedUpstream> {
      const started = await startScriptedUpstream(script);
      toClose.push(started);
      return started;
    },
    async gateway(options: TestGatewayOptions): Promise<TestGateway> {
      const started = await startTestGateway(options);
      toClose.push(started);
      return started;
    },
  };
}
