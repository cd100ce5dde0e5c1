import { expect, it } from 'vitest';
import { runStarts } from './starts.js';

it('B6: of a hundred simultaneous starts, from two namespaces, one runs, and goes on when its worker is killed; the others are refused with the holder named', async () => {
  expect(await runStarts({ count: 100 })).toEqual({ starts: 100, refused: 98, faults: [] });
}, 600_000);
