import type { Bench } from '../../../bench/lib/bench.js';

export const bench: Bench = {
  title: 'nothing against nothing',
  measure: async ({ rounds = 3, say }) => {
    say('measuring');
    return {
      goals: [{ id: 'F1', goal: 'at most 5', value: rounds, unit: 'rounds', met: rounds <= 5 }],
      text: 'a table',
    };
  },
};
