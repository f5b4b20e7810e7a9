import { defineConfig } from 'vitest/config';

/**
 * `isolate: false`: test files share a worker, five times faster on two cores, and it keeps module-level state out
 * of the code. `npm test` leaves the slow suites to `npm run test:all`, which sets CROSSFADE_SUITE.
 */
// Suites that do nothing but compute have a step of their own: beside them, what must keep real time would be late.
const computing = ['test/sim/*.long.test.ts', 'packages/*/src/analysis/simulate/*.long.test.ts'];
const slow = ['packages/*/src/**/*.{native,long}.test.ts', 'test/**/*.{native,long}.test.ts'];
const fast = ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'scripts/**/*.test.ts'];
const suite = process.env['CROSSFADE_SUITE'] ?? 'any';

// `source` first, then Vite's own: an import of another package's room is its TypeScript, never a stale build.
const conditions = ['source', 'module', 'node', 'development|production'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions }, noExternal: [/^@crossfade\//] },
  test: {
    include: { fast, slow, computing, any: fast }[suite] ?? fast,
    exclude: [
      '**/node_modules/**',
      '**/dist/**',
      ...(suite === 'fast' ? slow : []),
      ...(suite === 'slow' ? computing : []),
    ],
    isolate: false,
    // Two cores: more workers would only wait for each other, and tests of real processes suffer first.
    maxWorkers: 2,
    // A wait that is not over by then is a hang; real processes start within seconds even on a busy machine.
    testTimeout: suite === 'fast' ? 20_000 : 180_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    restoreMocks: true,
  },
});
