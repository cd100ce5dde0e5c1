import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkSums, freeRoom } from '../../../src/activities/data/reserve.js';
import { appendEvidence } from '../../../src/lib/evidence.js';
import { claim, close } from '../../../src/lib/journal.js';
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

it.skipIf(!canMount)('room that an open release of another environment has passed on is taken', async () => {
  const disk = smallDisk(200);
  const root = mkdtempSync(join(tmpdir(), 'slipway-room-'));
  try {
    const stepOf = (name: string) => {
      const file = join(disk.path, `${name}.db`);
      writeFileSync(file, Buffer.alloc(10e6));
      const parts = {
        environment: `shop/${name}`,
        databases: { main: { sqlite: { file } } },
        backup: { directory: root },
      };
      const home = join(root, 'shop', name);
      const step = stepContext({ definition: definitionOf(disk.path, parts), folder: join(home, 'runs', name), home });
      return { ...step, shared: root, run: { ...step.run, id: name } };
    };
    const [one, two] = [stepOf('one'), stepOf('two')];
    const check = async (step: typeof one) =>
      (await checkSums(step)).find(({ expected }) => expected.includes(disk.path));
    disk.leave(35);
    expect(await check(one)).toBeUndefined();
    expect(await check(two)).toMatchObject({
      name: 'room for main',
      outcome: 'fail',
      expected: `44 MB free on the disk of ${disk.path}, with 22 MB that deploy one of shop/one will take`,
    });
    // What failed has reserved nothing.
    expect(await check(one)).toBeUndefined();

    // A day without a sign: only the journal tells that it is still open.
    const reserved = join(root, '.room', 'one.json');
    const age = () =>
      writeFileSync(reserved, readFileSync(reserved, 'utf8').replace(/"at":"[^"]*"/, '"at":"2026-01-05T12:00:00Z"'));
    age();
    const who = { run: 'one', kind: 'deploy' as const, environment: 'shop/one', namespace: 'n', workflowRunId: 'w' };
    await claim(one.home, who, { step: 'stop', undo: false, try: 1 });
    expect(await check(two)).toMatchObject({ outcome: 'fail' });
    await close(one.home, who);
    expect(await check(two)).toBeUndefined();
    expect(readdirSync(join(root, '.room'))).toEqual(['two.json']);

    // Freed with the copies, and by the end.
    await freeRoom(two);
    expect(await check(one)).toBeUndefined();
    await appendEvidence(one.folder, { id: 'end', kind: 'end', data: {} });
    expect(await check(two)).toBeUndefined();
  } finally {
    disk.remove();
    rmSync(root, { recursive: true, force: true });
  }
});
