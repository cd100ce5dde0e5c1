import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Container } from '../../../src/activities/runtime/docker-state.js';
import { checkVolumes } from '../../../src/activities/runtime/volumes.js';
import { describeWithDocker, docker, removeAll, uniqueName } from '../../stack/docker.js';
import { definitionOf, stepContext } from '../step-context.js';

describeWithDocker('the volumes that hold data', () => {
  const name = uniqueName();
  afterAll(() => {
    removeAll(name);
    rmSync(folder, { recursive: true });
  });
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  const context = stepContext({ definition: definitionOf(folder), folder, home: folder });
  const running = (...volumes: string[]) =>
    ({
      name: 'app',
      mounts: volumes.map((one) => ({ type: 'volume', name: one, source: '', target: '/data' })),
    }) as unknown as Container;

  it('are there, and the container that runs has them', async () => {
    docker('volume', 'create', name);
    expect(await checkVolumes(context, [name], 'x:1')).toMatchObject([
      { name: 'volumes', outcome: 'pass', where: 'x:1' },
    ]);
    expect(await checkVolumes(context, [name], 'x:1', running('other', name))).toMatchObject([{ outcome: 'pass' }]);
    expect(await checkVolumes(context, [name], 'x:1', running('other'))).toMatchObject([
      { outcome: 'fail', seen: `app runs without ${name}: what it writes is lost with it` },
    ]);
  });

  it('are missed before docker makes empty ones', async () => {
    expect(await checkVolumes(context, [`${name}-gone`], 'x:1')).toMatchObject([
      { outcome: 'fail', seen: `there is no volume ${name}-gone` },
    ]);
    expect(await checkVolumes(context, [], 'x:1')).toEqual([]);
  });
});
