import { describe, expect, it } from 'vitest';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { EvaluatorRegistry } from './evaluator-registry.ts';

function setUp() {
  const clock = new ManualClock();
  return { clock, registry: new EvaluatorRegistry({ clock, leaseMs: 60_000 }) };
}

describe('EvaluatorRegistry', () => {
  it('calls as witnesses only those that may still serve a candidate', () => {
    const { clock, registry } = setUp();
    registry.connected('gateway-1', 'gateway')();
    clock.advance(60_001);
    registry.connected('gateway-2', 'gateway');
    registry.connected('app-1', 'sdk')();

    const witnesses = { evaluators: ['gateway-2', 'app-1'], gateways: ['gateway-2'] };
    expect(registry.witnesses()).toEqual({ ...witnesses, mayLackWitnesses: false });
  });

  it('hears a gateway when it answers or reports, not because its stream is open, and any one is enough', () => {
    const { clock, registry } = setUp();
    expect(registry.gatewaySilentMs).toBeNull();
    registry.connected('app-1', 'sdk', { answers: true });
    expect(registry.gatewaySilentMs).toBeNull();

    registry.connected('gateway-1', 'gateway', { answers: true });
    const crash = registry.connected('gateway-2', 'gateway', { answers: true });
    clock.advance(20_000);
    crash();
    expect(registry.gatewaySilentMs).toBe(20_000);
    registry.acknowledged('app-1', 1);
    expect(registry.gatewaySilentMs).toBe(20_000);
    registry.acknowledged('gateway-1', 1);
    expect(registry.gatewaySilentMs).toBe(0);
    clock.advance(20_000);
    registry.reported();
    expect(registry.gatewaySilentMs).toBe(0);
  });

  it('takes a gateway that does not answer for heard while its stream is open', () => {
    const { clock, registry } = setUp();
    const end = registry.connected('gateway-1', 'gateway');
    clock.advance(3_600_000);
    expect(registry.gatewaySilentMs).toBe(0);
    end();
    clock.advance(20_000);
    expect(registry.gatewaySilentMs).toBe(20_000);
  });

  it('counts an open stream as heard, however long ago it was opened', () => {
    const { clock, registry } = setUp();
    const end = registry.connected('gateway-1', 'gateway');
    clock.advance(3_600_000);
    expect(registry.witnesses().gateways).toEqual(['gateway-1']);

    end();
    clock.advance(60_001);
    expect(registry.witnesses().gateways).toEqual([]);
  });

  it('keeps an evaluator connected while one of its two streams is open', () => {
    const { registry } = setUp();
    const first = registry.connected('gateway-1', 'gateway');
    registry.connected('gateway-1', 'gateway');
    first();
    first();
    expect(registry.list()[0]?.connected).toBe(true);
  });

  it('never takes an acknowledgement back', () => {
    const { registry } = setUp();
    registry.acknowledged('app-1', 7);
    registry.acknowledged('app-1', 5);
    expect(registry.list()).toMatchObject([{ id: 'app-1', role: 'sdk', revision: 7 }]);
  });

  it('forgets the silent before it grows past its limit', () => {
    const { clock, registry } = setUp();
    for (let i = 0; i < 10_050; i++) {
      clock.advance(1);
      registry.acknowledged(`app-${i}`, 1);
    }
    const known = registry.list();
    expect(known).toHaveLength(10_000);
    expect(known.at(-1)?.id).toBe('app-10049');
  });
});
