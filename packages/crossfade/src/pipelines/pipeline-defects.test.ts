import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { renderProbe } from '../signal/probe-audio.ts';
import { probeScript, type ProbeScript } from '../signal/probe-script.ts';
import type { Defect } from './defects.ts';
import { ListenClient, tonePipeline } from './listen-client.fixture.ts';
import type { Pipeline } from './pipeline.ts';

const started: Pipeline[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((pipeline) => pipeline.close()));
});

const script: ProbeScript = probeScript({ seed: 3, sampleRate: 16_000, durationMs: 30_000 });
const audio = renderProbe(script);
const wholeText = script.utterances.map(({ text }) => text).join(' ');

async function connect(
  defect: Defect | undefined,
  clock = new ManualClock(),
  onCrash = (): void => undefined,
) {
  const pipeline = await tonePipeline({ clock, onCrash, ...(defect === undefined ? {} : { defect }) });
  started.push(pipeline);
  const client = await new ListenClient(pipeline.port).open();
  return { client, clock, pipeline };
}

/** Sends everything, closes the stream, and lets time pass until the pipeline is done. */
async function play({ client, clock }: Awaited<ReturnType<typeof connect>>): Promise<ListenClient> {
  client.sendAudio(audio, 3_200);
  client.say('CloseStream');
  await client.settled();
  clock.advance(60_000);
  await client.closed;
  return client;
}

function uncovered(client: ListenClient): number {
  return script.totalSamples - client.ranges().reduce((sum, [from, end]) => sum + end - from, 0);
}

describe('a pipeline with a defect', () => {
  it('without one loses nothing and holds nothing back (twin)', async () => {
    const client = await play(await connect(undefined));
    expect(client.text).toBe(wholeText);
    expect(uncovered(client)).toBe(0);
  });

  it('slow-finals: holds finals back 2.5 s, keeps their order, and loses none', async () => {
    const { client, clock } = await connect({ name: 'slow-finals', seed: 1, share: 1 });
    client.sendAudio(audio, 3_200);
    await client.settled();
    const spoken = (): number =>
      client.finals.filter(({ channel }) => channel.alternatives[0]!.words.length > 0).length;
    clock.advance(2_499);
    await client.settled();
    expect(spoken()).toBe(0);
    clock.advance(1);
    await client.settled();
    expect(spoken()).toBeGreaterThan(0);
    client.say('CloseStream');
    await client.settled();
    clock.advance(2_500);
    expect((await client.closed).code).toBe(1000);
    expect(client.text).toBe(wholeText);
    expect(client.messages.at(-1)).toMatchObject({ type: 'Metadata' });
    const starts = client.ranges().map(([from]) => from);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
  });

  it('lost-frames: leaves holes in the finals exactly where audio was lost, and never claims them', async () => {
    const client = await play(await connect({ name: 'lost-frames', seed: 2 }));
    const ranges = client.ranges();
    const holes = ranges.slice(1).filter(([from], i) => from > ranges[i]![1]);
    expect(holes.length).toBeGreaterThan(2);
    expect(ranges.slice(1).every(([from], i) => from >= ranges[i]![1])).toBe(true);
    const share = uncovered(client) / script.totalSamples;
    expect(share).toBeGreaterThan(0.02);
    expect(share).toBeLessThan(0.15);
    const heard = new Map(
      client.finals.flatMap(({ channel }) =>
        channel.alternatives[0]!.words.map(({ word, start }) => [word, Math.round(start * 16_000)]),
      ),
    );
    const missing = script.words.filter(({ text }) => !heard.has(text));
    expect(missing.length).toBeGreaterThan(0);
    // The clock counts what was received, so the words that are left are where they were said.
    for (const { text, start } of script.words) if (heard.has(text)) expect(heard.get(text)).toBe(start);
    const isWhole = (from: number, end: number): boolean => ranges.some(([a, b]) => a <= from && b >= end);
    for (const { start, end } of missing) expect(isWhole(start - 640, end + 640)).toBe(false);
  });

  it('orphans: some segments with partials never get their final', async () => {
    const client = await play(await connect({ name: 'orphans', seed: 4 }));
    const covered = (end: number): boolean => client.ranges().some(([from, to]) => from < end && to >= end);
    const orphaned = client.partials.filter(
      ({ start, duration }) => !covered(Math.round((start + duration) * 16_000)),
    );
    expect(orphaned.length).toBeGreaterThan(0);
    expect(uncovered(client)).toBeGreaterThan(0);
    expect(client.text).not.toBe(wholeText);
  });

  it('crash-loop: asks for the end of the process a few seconds after its third session', async () => {
    let crashes = 0;
    const { pipeline, clock } = await connect(
      { name: 'crash-loop', seed: 1 },
      new ManualClock(),
      () => (crashes += 1),
    );
    await new ListenClient(pipeline.port).open();
    clock.advance(5_000);
    expect(crashes).toBe(0);
    await new ListenClient(pipeline.port).open();
    clock.advance(999);
    expect(crashes).toBe(0);
    clock.advance(2_001);
    expect(crashes).toBe(1);
  });

  it('is the same again from the same seed', async () => {
    const ranges = async (): Promise<unknown> =>
      (await play(await connect({ name: 'lost-frames', seed: 9 }))).ranges();
    expect(await ranges()).toEqual(await ranges());
  });
});
