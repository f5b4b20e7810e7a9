import { describeForgetting } from '../forgetting.contract.ts';
import { describeRolloutStore, describeSessionStore } from '../store.contract.ts';
import { describeUsage } from '../usage.contract.ts';
import { createMemoryRolloutStore } from './events.ts';
import { createMemorySessionStore } from './sessions.ts';

describeRolloutStore('memory', async () => createMemoryRolloutStore());
describeSessionStore('memory', async () => createMemorySessionStore());
describeUsage('memory', async () => createMemorySessionStore());
describeForgetting(
  'memory',
  async (clock) => createMemoryRolloutStore(clock),
  async () => createMemorySessionStore(),
);
