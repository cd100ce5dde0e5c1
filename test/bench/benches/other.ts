import type { Bench } from '../../../bench/lib/bench.js';

export const bench: Bench = {
  title: 'something that cannot be measured',
  measure: async () => {
    throw new Error('no server');
  },
};
