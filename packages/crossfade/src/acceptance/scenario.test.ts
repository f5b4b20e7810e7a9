import { format } from 'prettier';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { profiles } from './profile.ts';
import { ownScenarios, readScenarios } from './scenario-files.ts';
import { parseScenario, scenarioSchema } from './scenario.ts';

const good = {
  schema: 'crossfade.scenario/1',
  name: 'mine',
  about: 'Mine.',
  speech: { durationMs: [900, 900] },
};
const parse = (changes: object) => parseScenario(JSON.stringify({ ...good, ...changes }), 'mine.yaml');

describe('a scenario', () => {
  it('is what the published schema says; `vitest -u` writes the schema anew', async () => {
    const schema = JSON.stringify(z.toJSONSchema(scenarioSchema, { io: 'input' }), null, 2);
    await expect(await format(schema, { parser: 'json', printWidth: 110 })).toMatchFileSnapshot(
      '../../schema/scenario.schema.json',
    );
  });

  it('needs no more than a name, a sentence and a length', () => {
    expect(parse({})).toMatchObject({ name: 'mine', client: 'stock', stop: 'close', pace: 1, count: 4 });
  });

  it('is refused with the place of its mistake', () => {
    expect(() => parse({ speech: { durationMs: [9, 1] } })).toThrow(/mine[.]yaml.*speech[.]durationMs/);
    expect(() => parse({ fault: { kind: 'earthquake' } })).toThrow(/at fault/);
    expect(() => parse({ sppech: {} })).toThrow(/Unrecognized key/);
    expect(() => parseScenario('[', 'mine.yaml')).toThrow(/Expected mine[.]yaml to be a scenario/);
  });

  it('of the suite is in every profile that names it, and certify and standard name all', async () => {
    const names = (await ownScenarios()).map(({ name }) => name).sort();
    expect(new Set(names).size).toBe(names.length);
    for (const { counts } of [profiles.certify, profiles.standard])
      expect(Object.keys(counts).sort()).toEqual(names);
    for (const name of Object.keys(profiles.smoke.counts)) expect(names).toContain(name);
  });

  it('that cannot be read is told with its path', async () => {
    await expect(readScenarios('/nowhere/at/all')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
