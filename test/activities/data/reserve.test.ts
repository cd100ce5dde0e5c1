import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkSums } from '../../../src/activities/data/reserve.js';
import { canMount, smallDisk } from '../../stack/small-disk.js';
import { definitionOf, stepContext } from '../step-context.js';

it.skipIf(!canMount)('room for copies is wanted as a sum over the stores of one disk', async () => {
  const disk = smallDisk(200);
  try {
    for (const name of ['one', 'two']) writeFileSync(join(disk.path, `${name}.db`), Buffer.alloc(10e6));
    const checks = (...names: string[]) => {
      const databases = Object.fromEntries(
        names.map((name) => [name, { sqlite: { file: join(disk.path, `${name}.db`) } }]),
      );
      const definition = definitionOf(disk.path, { databases, backup: { directory: '/tmp/elsewhere' } });
      return checkSums(stepContext({ definition, folder: join(disk.path, 'run'), home: disk.path }));
    };
    disk.leave(35);
    expect(await checks('one')).toEqual([]);
    const found = await checks('one', 'two');
    expect(found).toHaveLength(2);
    expect(found.find(({ expected }) => expected.includes(disk.path))).toMatchObject({
      name: 'room for one and two together',
      outcome: 'fail',
      expected: `44 MB free on the disk of ${disk.path}`,
      seen: expect.stringMatching(/^3\d MB free$/) as string,
    });
    disk.leave(60);
    expect((await checks('one', 'two')).every(({ outcome }) => outcome === 'pass')).toBe(true);
  } finally {
    disk.remove();
  }
});
