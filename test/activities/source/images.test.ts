import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { imagesOf, imagesOverride } from '../../../src/activities/source/images/record.js';
import { otherImages } from '../../../src/activities/source/images/running.js';
import { source } from '../../../src/activities/source/lookup.js';
import type { Images, Release } from '../../../src/model.js';
import { baseImage, describeWithDocker, docker } from '../../stack/docker.js';
import { idOf, makeImageStand, type ImageStand } from './image-stand.js';
import { commit, git, write } from './repository.js';

let stand: ImageStand;
afterEach(() => stand.remove());
const adapter = () => source(stand.definition);
const hasImage = (reference: string) => docker('images', '--quiet', '--no-trunc', reference) !== '';
const outcomes = async (release: Release, run = {}) =>
  Object.fromEntries(
    (await adapter().preflight(stand.step({ step: 'preflight' }, run), release)).map((one) => [one.name, one]),
  );

/** Adds a commit with these files to the origin, as version 3.0.0. */
function third(files: Record<string, string>): void {
  git(stand.origin, 'checkout', '--quiet', '--detach', stand.two.sha);
  commit(stand.origin, { VERSION: '3.0.0\n', ...files });
  git(stand.origin, 'tag', '-a', 'v3.0.0', '-m', 'three');
}

async function staged(version: string, run = {}): Promise<{ release: Release; images: Images }> {
  const release = await adapter().resolve(stand.step({ step: 'resolve' }, run), version);
  const step = stand.step({ step: 'fetch' }, { version: release, ...run });
  await adapter().fetch(step, release);
  return { release, images: await imagesOf(step, release) };
}

describeWithDocker('images built of the code of a release', () => {
  it('are built beside the running one, pinned by run and written down by id; no tag is touched before the switch', async () => {
    stand = makeImageStand();
    const step = stand.step({ step: 'fetch' });
    const release = await adapter().resolve(step, '2.0.0');
    expect(release).toEqual({ version: '2.0.0', sha: stand.two.sha });
    const { data } = await adapter().fetch(step, release);
    const pin = `slipway/${stand.name}/production/backend:${step.run.id}`;
    expect(data?.images).toMatchObject({ backend: { id: idOf(pin), tag: `${stand.name}/backend:2.0.0` } });
    expect(hasImage(`${stand.name}/backend:2.0.0`)).toBe(false);
    expect(git(stand.live, 'rev-parse', 'HEAD')).toBe(stand.one.sha);
    await adapter().switch(stand.step({ step: 'switch' }), release);
    expect(idOf(`${stand.name}/backend:2.0.0`)).toBe(idOf(pin));
    expect(git(stand.live, 'rev-parse', 'HEAD')).toBe(stand.two.sha);
  });

  it('are not built again by a second attempt, and the plan shows the commands', async () => {
    stand = makeImageStand({ image_tag: 'dev-{sha}' });
    const { release, images } = await staged('2.0.0');
    write(stand.step().staged(release), { VERSION: 'touched\n' });
    expect((await staged('2.0.0')).images).toEqual(images);
    expect(images.backend?.tag).toBe(`${stand.name}/backend:dev-${stand.two.sha}`);
    const pin = `slipway/${stand.name}/production/frontend:{run}`;
    const code = `code/${stand.two.sha}/client`;
    expect(adapter().commands(stand.definition, release)).toMatchObject({
      fetch: expect.arrayContaining([`docker build --file ${code}/Dockerfile --tag '${pin}' ${code}`]) as string[],
      switch: expect.arrayContaining([`docker tag ${pin} ${stand.name}/client:dev-${stand.two.sha}`]) as string[],
    });
  });

  it('are what compose starts, by id, without building, also for the release before', async () => {
    stand = makeImageStand();
    third({ Dockerfile: `FROM ${baseImage}\nCOPY VERSION /version\nCMD ["sleep", "600"]\n` });
    const before = { ...stand.one, run: 'before', images: { backend: { id: idOf(baseImage), tag: baseImage } } };
    const { release, images } = await staged('3.0.0', { previous: before });
    const file = join(stand.folder, 'compose.yaml');
    writeFileSync(file, `services:\n  backend: { image: none/none, build: ., init: true, command: [sleep, "600"] }\n`);
    for (const [one, id] of [
      [before, idOf(baseImage)],
      [release, images.backend?.id],
    ] as const) {
      const files = ['--file', file, '--file', imagesOverride(stand.step(), one)];
      docker('compose', '--project-name', stand.name, ...files, 'up', '--detach', 'backend');
      expect(await otherImages(stand.step(), one)).toEqual([]);
      expect(docker('inspect', '--format', '{{.Image}}', `${stand.name}-backend-1`)).toBe(id);
    }
    expect(await otherImages(stand.step(), before)).toEqual([
      expect.stringMatching(/^backend runs image [0-9a-f]{12}, not [0-9a-f]{12} \(/),
    ]);
    docker('compose', '--project-name', stand.name, '--file', file, 'down', '--timeout', '0');
  });

  it('of a build that fails half-way are named, and nothing is tagged or switched', async () => {
    stand = makeImageStand();
    third({ Dockerfile: `FROM ${baseImage}\nRUN echo it breaks here && exit 3\n` });
    await expect(staged('3.0.0')).rejects.toMatchObject({
      type: 'CommandFailed',
      message: expect.stringMatching(/docker build .*backend.*returned a non-zero code: 3/s) as string,
    });
    expect(docker('images', '--format', '{{.Repository}}', `*/*/*/${stand.name}*`)).toBe('');
    expect(hasImage(`${stand.name}/backend`)).toBe(false);
    expect(git(stand.live, 'rev-parse', 'HEAD')).toBe(stand.one.sha);
  });

  it('are looked for in the commit before: a missing Dockerfile and a missing base are each named', async () => {
    stand = makeImageStand();
    third({ Dockerfile: `ARG base=${stand.name}/no-such-base\nFROM $base AS base\nFROM base\n` });
    git(stand.origin, 'rm', '--quiet', 'client/Dockerfile');
    git(stand.origin, 'commit', '--quiet', '--message', 'none');
    git(stand.origin, 'tag', '--force', '-a', 'v3.0.0', '-m', 'three');
    const release = await adapter().resolve(stand.step(), '3.0.0');
    expect(await outcomes(release)).toMatchObject({
      docker: { outcome: 'pass' },
      'image-backend': {
        outcome: 'fail',
        seen: `Dockerfile starts from ${stand.name}/no-such-base: neither here nor in a registry`,
      },
      'image-frontend': { outcome: 'fail', seen: '3.0.0 has no client/Dockerfile' },
      'room-for-images': { outcome: 'pass' },
    });
    expect(await outcomes(stand.two)).toMatchObject({ 'image-backend': { outcome: 'pass', seen: 'it can' } });
  });
});

describeWithDocker('the images of the release before', () => {
  it('are pinned until its run is over, and missing ones are NO-GO', async () => {
    stand = makeImageStand();
    const tag = `${stand.name}/backend:1.0.0`;
    const id = stand.image(tag, { 'one.txt': stand.name });
    const previous = { ...stand.one, run: 'r1', images: { backend: { id, tag } } };
    await staged('2.0.0', { previous });
    docker('rmi', tag);
    expect(idOf(`slipway/${stand.name}/production/backend:r1`)).toBe(id);
    expect(await outcomes(stand.two, { previous })).toMatchObject({ 'images-before': { outcome: 'pass' } });
    docker('rmi', `slipway/${stand.name}/production/backend:r1`);
    expect(await outcomes(stand.two, { previous })).toMatchObject({
      'images-before': { outcome: 'fail', seen: expect.stringContaining(`gone: backend: ${tag}`) as string },
    });
    await expect(staged('2.0.0', { previous })).rejects.toMatchObject({
      type: 'ImageRefused',
      message: expect.stringContaining(`(${tag}) of backend is gone from this host`) as string,
    });
  });

  it('get their tag back by the switch back; whatever took it keeps a name', async () => {
    stand = makeImageStand();
    const tag = `${stand.name}/backend:1.0.0`;
    const id = stand.image(tag, { 'one.txt': stand.name });
    const release = { ...stand.one, run: 'r1', images: { backend: { id, tag } } };
    const stranger = stand.image(tag, { 'other.txt': stand.name });
    docker('tag', id, `slipway/${stand.name}/production/backend:r1`);
    const { note } = await adapter().switch(stand.step({ step: 'switch', undo: true }), release);
    expect(note).toContain(`${tag} is ${id.slice(7, 19)}`);
    expect(idOf(tag)).toBe(id);
    expect(idOf(`slipway/${stand.name}/production/backend:replaced-${stranger.slice(7, 19)}`)).toBe(stranger);
    expect((await adapter().switch(stand.step({ step: 'switch', undo: true, try: 2 }), release)).note).not.toContain(
      tag,
    );
    expect(adapter().byHand(stand.step(), release)).toContain(`docker tag ${id} ${tag}`);
  });
});

describeWithDocker('images without Git', () => {
  const only = () =>
    makeImageStand({ git: undefined, images: { app: { name: 'to-be-set' } } }, { migrations: { sequelize: {} } });
  function makeOnly(): void {
    stand = only();
    stand.definition.source.images = { app: { name: `${stand.name}/app` } };
  }

  it('are a release by themselves, told by their ids; their migrations are listed without running anything', async () => {
    makeOnly();
    const [first] = ['1.0', '2.0'].map((tag) =>
      stand.image(`${stand.name}/app:${tag}`, { 'migrations/001-a.js': stand.name, [`migrations/${tag}`]: tag }),
    );
    const one = await adapter().resolve(stand.step(), '1.0');
    const two = await adapter().resolve(stand.step(), '2.0');
    expect(one).toMatchObject({ version: '1.0', images: { app: { id: first, tag: `${stand.name}/app:1.0` } } });
    expect(one.sha).toMatch(/^[0-9a-f]{40}$/);
    expect(two.sha).not.toBe(one.sha);
    expect(await adapter().list(stand.step(), two, 'migrations')).toEqual(['001-a.js', '2.0']);
    expect(await adapter().list(stand.step(), two, 'none')).toEqual([]);
    expect(docker('ps', '--all', '--format', '{{.Names}}', '--filter', 'name=slipway-files')).toBe('');
    await expect(adapter().resolve(stand.step(), '3.0')).rejects.toMatchObject({
      type: 'Usage',
      message: expect.stringContaining(
        `image ${stand.name}/app:3.0 of app is neither on this host nor in its registry`,
      ) as string,
    });
    await expect(adapter().resolve(stand.step(), '3.0; rm')).rejects.toThrow('cannot be the tag of an image');
  });

  it('are what runs: the version is read from the running container', async () => {
    makeOnly();
    docker('tag', baseImage, `${stand.name}/app:1.0`);
    expect(await adapter().running(stand.step())).toBeNull();
    stand.serve(`${stand.name}/app:1.0`, 'app');
    const running = await adapter().running(stand.step());
    expect(running).toMatchObject({ version: '1.0', images: { app: { id: idOf(baseImage) } } });
    expect((await adapter().resolve(stand.step({}, { kind: 'adopt' }), '1.0')).sha).toBe(running?.sha);
  });

  it('that were tagged anew since the plan are refused, in preflight and by fetch', async () => {
    makeOnly();
    stand.image(`${stand.name}/app:2.0`, { 'two.txt': stand.name });
    const release = await adapter().resolve(stand.step(), '2.0');
    expect(await outcomes(release)).toMatchObject({ 'image-app': { outcome: 'pass' } });
    stand.image(`${stand.name}/app:2.0`, { 'evil.txt': stand.name });
    expect(await outcomes(release)).toMatchObject({
      'image-app': { outcome: 'fail', seen: expect.stringContaining('was moved: the plan has') as string },
    });
    await expect(adapter().fetch(stand.step({ step: 'fetch' }), release)).rejects.toMatchObject({
      type: 'ImageRefused',
    });
  });
});
