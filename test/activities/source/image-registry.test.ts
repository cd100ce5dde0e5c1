import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { source } from '../../../src/activities/source/lookup.js';
import { appendHistory } from '../../../src/lib/history.js';
import type { HistoryEntry, Images, Outcome, Release } from '../../../src/model.js';
import { describeWithRegistry, startRegistry } from '../../stack/registry.js';
import { docker } from '../../stack/docker.js';
import { idOf, makeImageStand, type ImageStand } from './image-stand.js';

let registry: Awaited<ReturnType<typeof startRegistry>>;
let stand: ImageStand;
const adapter = () => source(stand.definition);
const nameOf = () => `${registry.host}/${stand.name}/app`;

describeWithRegistry('a registry', () => {
  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry.stop());
  afterEach(() => stand.remove());

  /** Builds, pushes and forgets an image, as a build server elsewhere would. */
  function push(tag: string, files: Record<string, string>): { id: string; digest: string } {
    const id = stand.image(`${nameOf()}:${tag}`, files);
    docker('push', '--quiet', `${nameOf()}:${tag}`);
    const digest = docker('image', 'inspect', '--format', '{{index .RepoDigests 0}}', id);
    docker('rmi', '--force', id);
    return { id, digest };
  }

  function makeStand(source = {}, parts = {}): void {
    stand = makeImageStand({ git: undefined, images: {}, ...source }, parts);
    stand.definition.source.images = { app: { name: nameOf() } };
  }

  it('gives each image its digest, in the plan and in the record', async () => {
    makeStand();
    const pushed = push('2.0.0', { 'two.txt': stand.name });
    const release = await adapter().resolve(stand.step(), '2.0.0');
    expect(release.images).toEqual({ app: { ...pushed, tag: `${nameOf()}:2.0.0` } });
    expect(adapter().commands(stand.definition, release).fetch[0]).toBe(`docker pull ${pushed.digest}`);
    expect((await adapter().fetch(stand.step({ step: 'fetch' }), release)).data?.images).toEqual(release.images);
  });

  it('in which the tag was moved since the plan is refused; one that differs from this host is not guessed about', async () => {
    makeStand();
    const first = push('2.0.0', { 'two.txt': stand.name });
    const release = await adapter().resolve(stand.step(), '2.0.0');
    docker('tag', first.id, `${stand.name}/kept:1`);
    docker('rmi', `${nameOf()}:2.0.0`);
    const second = push('2.0.0', { 'evil.txt': stand.name });
    await expect(adapter().fetch(stand.step({ step: 'fetch' }), release)).rejects.toMatchObject({
      type: 'ImageRefused',
      message: expect.stringContaining(
        `the plan has ${first.id.slice(7, 19)}, it is ${second.id.slice(7, 19)} now`,
      ) as string,
    });
    docker('tag', first.id, `${nameOf()}:2.0.0`);
    await expect(adapter().resolve(stand.step(), '2.0.0')).rejects.toMatchObject({
      type: 'Usage',
      message: expect.stringContaining('in its registry: docker rmi') as string,
    });
    expect(idOf(`${nameOf()}:2.0.0`)).toBe(first.id);
  });

  it('brings the very image back that a rollback needs, though its tag names another one by now', async () => {
    makeStand();
    const pushed = push('1.0.0', { 'one.txt': stand.name });
    push('1.0.0', { 'other.txt': stand.name });
    const images = { app: { ...pushed, tag: `${nameOf()}:1.0.0` } };
    const release = { version: '1.0.0', sha: 'a'.repeat(40), run: 'r1', images };
    const run = { kind: 'rollback' as const, version: release };
    const seen = await adapter().preflight(stand.step({ step: 'preflight' }, run), release);
    expect(seen.find(({ name }) => name === 'image-app')).toMatchObject({ outcome: 'pass' });
    await adapter().fetch(stand.step({ step: 'fetch' }, run), release);
    await adapter().switch(stand.step({ step: 'switch' }, run), release);
    expect(idOf(`${nameOf()}:1.0.0`)).toBe(pushed.id);
    const lost = { ...release, images: { app: { ...images.app, id: `sha256:${'0'.repeat(64)}` } } };
    await expect(adapter().fetch(stand.step({ step: 'fetch' }, run), lost)).rejects.toMatchObject({
      type: 'ImageRefused',
      message: expect.stringContaining(`${pushed.digest} is another image now`) as string,
    });
  });

  describe('for promote_from', () => {
    async function released(version: string, outcome: Outcome, images?: Images): Promise<void> {
      const current: Release = { version, sha: 'b'.repeat(40), run: `r${version}`, ...(images ? { images } : {}) };
      const home = join(stand.step().home, '..', 'dev');
      mkdirSync(home, { recursive: true });
      await appendHistory(home, { run: current.run, outcome, current, version } as HistoryEntry);
    }
    const promoting = () => makeStand({}, { promote_from: 'dev', positions: { promote_from: 'systems/x.yaml:9' } });

    it('takes the digest that ended deployed there, though the tag there was moved, and tags it as the version', async () => {
      promoting();
      const approved = push('dev-1', { 'approved.txt': stand.name });
      push('dev-1', { 'later.txt': stand.name });
      await released('2.0.0', 'deployed', { app: { ...approved, tag: `${nameOf()}:dev-1` } });
      await released('2.1.0', 'rolled-back');
      const release = await adapter().resolve(stand.step(), '2.0.0');
      expect(release.images).toEqual({ app: { ...approved, tag: `${nameOf()}:2.0.0` } });
      await adapter().fetch(stand.step({ step: 'fetch' }, { version: release }), release);
      await adapter().switch(stand.step({ step: 'switch' }, { version: release }), release);
      expect(idOf(`${nameOf()}:2.0.0`)).toBe(approved.id);
    });

    it('refuses what never ended deployed there, what is gone, and a version tag that names something else here', async () => {
      promoting();
      const resolve = (version: string) => adapter().resolve(stand.step(), version);
      const approved = push('dev-1', { 'approved.txt': stand.name });
      const image = { ...approved, tag: `${nameOf()}:dev-1` };
      await released('2.0.0', 'rolled-back', { app: image });
      await expect(resolve('2.0.0')).rejects.toThrow('nothing was ever deployed there');
      await released('1.0.0', 'deployed', { app: image });
      await released('3.0.0', 'deployed', { app: { id: `sha256:${'1'.repeat(64)}`, tag: image.tag } });
      await expect(resolve('2.0.0')).rejects.toMatchObject({
        type: 'Usage',
        message: `systems/x.yaml:9: 2.0.0 never ended deployed in ${stand.name}/dev: deploy it there first; its last release is 3.0.0`,
      });
      await expect(resolve('3.0.0')).rejects.toMatchObject({ type: 'ImageRefused' });
      stand.image(`${nameOf()}:1.0.0`, { 'stranger.txt': stand.name });
      const release = await resolve('1.0.0');
      const seen = await adapter().preflight(stand.step({ step: 'preflight' }, { version: release }), release);
      expect(seen.find(({ name }) => name === 'image-app')).toMatchObject({
        outcome: 'fail',
        seen: expect.stringContaining(`${nameOf()}:1.0.0 is another image here`) as string,
      });
    });
  });
});
