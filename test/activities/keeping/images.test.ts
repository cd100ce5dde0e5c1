import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { listKept } from '../../../src/activities/keeping/list.js';
import { prune } from '../../../src/activities/keeping/prune.js';
import { pinOf } from '../../../src/activities/source/images/names.js';
import { appendEvidence } from '../../../src/lib/evidence.js';
import { appendHistory } from '../../../src/lib/history.js';
import { baseImage, describeWithDocker, docker, removeAll, uniqueName } from '../../stack/docker.js';
import { definitionOf, stepContext, type TestStep } from '../step-context.js';
import { deployed } from './deployed.js';

const runs = ['a', 'b', 'c', 'd', 'e'].map((letter) => `20260105T120000Z-${letter.repeat(6)}`) as [string, ...string[]];
const [oldest, used, before, now, open] = runs as [string, string, string, string, string];

describeWithDocker('images that runs pinned', () => {
  let folder: string;
  let system: string;
  let step: TestStep;
  const pin = (run: string) => pinOf(`${system}/test`, 'app', run);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slipway-images-'));
    system = uniqueName();
    const definition = definitionOf(folder, {
      environment: `${system}/test`,
      source: { images: { app: { name: `${system}/app` } } },
      backup: { keep: { count: 1, days: 30 } },
    });
    step = stepContext({ definition, folder: join(folder, 'runs', 'look'), home: folder });
    for (const run of runs) {
      build(pin(run), run);
      await appendEvidence(join(folder, 'runs', run), { id: 'resolve', kind: 'run', data: {} });
      if (run !== open) await appendEvidence(join(folder, 'runs', run), { id: 'end', kind: 'end', data: {} });
    }
    docker('create', '--name', `${system}-made`, pin(used), 'true');
    await appendHistory(folder, deployed(before, null));
    await appendHistory(folder, deployed(now, before));
  });
  afterEach(async () => {
    removeAll(system);
    for (const run of runs) spawnSync('docker', ['image', 'rm', '--force', pin(run)]);
    await rm(folder, { recursive: true, force: true });
  });

  it('stay while a release, its way back, an open run or a container needs them, and go when somebody saw it', async () => {
    const { listed, problems } = await listKept(step);
    expect(problems).toEqual([]);
    expect(Object.fromEntries(listed.map(({ thing }) => [thing.name, thing.stays]))).toEqual({
      [pin(oldest)]: null,
      [pin(used)]: 'a container is made of it',
      [pin(before)]: `of ${before}, the release before`,
      [pin(now)]: `of ${now}, which runs`,
      [pin(open)]: 'its run did not end',
    });
    expect(listed.find(({ thing }) => thing.run === oldest)?.thing).toMatchObject({
      is: 'image',
      at: '2026-01-05T12:00:00.000Z',
      bytes: expect.any(Number) as number,
    });
    const id = docker('image', 'inspect', '--format', '{{.Id}}', pin(oldest));
    const names = listed.map(({ thing }) => thing.name);
    expect((await prune(step, names, 'ann')).map(({ name }) => name)).toEqual([pin(oldest)]);
    expect(spawnSync('docker', ['image', 'inspect', id]).status).toBe(1);
    expect(docker('image', 'ls', '--quiet', pin(used))).not.toBe('');
    expect(await prune(step, names, 'ann')).toEqual([]);
    // Another name keeps it: each run pins what compose names, and it is the same for years.
    docker('tag', pin(used), `${system}/proxy:1`);
    expect((await prune(step, names, 'ann')).map(({ name }) => name)).toEqual([pin(used)]);
    expect(docker('image', 'ls', '--quiet', `${system}/proxy:1`)).not.toBe('');
  }, 600_000);
});

/** An image of its own, with its own id. */
function build(tag: string, run: string): void {
  const made = spawnSync('docker', ['build', '--quiet', '--tag', tag, '-'], {
    input: `FROM ${baseImage}\nLABEL run=${run} tag=${tag}\n`,
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(made.stderr);
}
