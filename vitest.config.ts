import { defineConfig } from 'vitest/config';
import { SkipReporter } from './test/support/skip-reporter.ts';

const everywhere = ['**/node_modules/**', '**/dist/**', '.cache/**', 'data/**', 'test/cases/**'];

/** Bounds on one test and on one hook; a hook may have to wait for a server to be installed. */
const TEST_TIMEOUT_MS = 20_000;
const HOOK_TIMEOUT_MS = 180_000;

/** A test of real processes waits for sockets, disks and simulated minutes. */
const SYSTEM_TIMEOUT_MS = 90_000;

/** Tests of the whole demo estate, most of them at ten times its speed, or of what takes both processors: apart from all others. */
const demoEstate = ['api', 'disks', 'durable-order', 'faults', 'kill', 'page', 'reload', 'replay', 'start'].map(
  (name) => `test/system/${name}.test.ts`,
);

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    environment: 'node',
    passWithNoTests: false,
    teardownTimeout: 15_000,
    reporters: ['default', new SkipReporter()],
    // One group after the other: pure tests do not take the processor from those that wait for real processes.
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.{ts,tsx}'],
          exclude: [...everywhere, 'test/**'],
          testTimeout: TEST_TIMEOUT_MS,
          hookTimeout: TEST_TIMEOUT_MS,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'contracts',
          include: ['test/**/*.test.{ts,tsx}'],
          exclude: [...everywhere, 'test/system/**', 'test/browser/**'],
          testTimeout: TEST_TIMEOUT_MS * 2,
          hookTimeout: HOOK_TIMEOUT_MS,
          // They wait for sockets and servers most of the time.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/{system,browser}/**/*.test.{ts,tsx}'],
          exclude: [...everywhere, ...demoEstate],
          testTimeout: SYSTEM_TIMEOUT_MS,
          hookTimeout: HOOK_TIMEOUT_MS,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'estate',
          include: demoEstate,
          exclude: everywhere,
          testTimeout: SYSTEM_TIMEOUT_MS,
          hookTimeout: HOOK_TIMEOUT_MS,
          maxWorkers: 2,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
