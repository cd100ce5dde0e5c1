import { defineConfig } from 'vitest/config';
import LongestFirst from './test/stack/longest-first.js';

export default defineConfig({
  test: {
    pool: 'forks',
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/stack/global-setup.ts'],
    testTimeout: 180_000,
    hookTimeout: 300_000,
    // More than there are cores: many tests wait, for a heartbeat that is missed, a server, a gate.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
  },
});
