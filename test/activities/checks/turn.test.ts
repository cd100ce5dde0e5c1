import { expect, it } from 'vitest';
import { turnAt } from '../../../src/activities/checks/turn.js';

it('requests begin four at once at one server, the next when one has its answer or has none for long', async () => {
  const origin = 'http://one.test';
  const begun: number[] = [];
  const ends = Array.from({ length: 9 }, (_, index) => turnAt(origin).then((end) => (begun.push(index), end)));
  const first = await ends[0]!;
  await ends[3];
  // Promises alone: no time has passed.
  for (let tick = 0; tick < 20; tick += 1) await Promise.resolve();
  expect(begun).toEqual([0, 1, 2, 3]);
  (await turnAt('http://other.test'))();
  first();
  first();
  await ends[4];
  for (let tick = 0; tick < 20; tick += 1) await Promise.resolve();
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  // The others never answer.
  await ends[8];
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
});
