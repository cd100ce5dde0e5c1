import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { source } from '../../../src/activities/source/lookup.js';
import type { Release } from '../../../src/model.js';
import { definitionOf, stepContext } from '../step-context.js';
import { commit, git, makeRepository, type Repository } from './repository.js';

let repository: Repository;
afterEach(() => repository.remove());
const resolve = (version: string) => source(repository.definition).resolve(repository.step(), version);

describe('the version of a Git source', () => {
  it('is the commit of the tag of that name, else of v and that name, peeled', async () => {
    repository = makeRepository();
    expect(await resolve('2.0.0')).toEqual(repository.two);
    expect(await resolve('v2.0.0')).toEqual(repository.two);
    git(repository.live, 'tag', 'spring', repository.one.sha);
    expect(await resolve('spring')).toEqual({ version: 'spring', sha: repository.one.sha });
  });

  it('is fetched from the remote when it came there since', async () => {
    repository = makeRepository();
    const sha = commit(repository.origin, { VERSION: '3.0.0\n' });
    git(repository.origin, 'tag', 'v3.0.0');
    expect(await resolve('3.0.0')).toEqual({ version: '3.0.0', sha });
  });

  it('is refused when the tag with and the one without v are different commits', async () => {
    repository = makeRepository();
    git(repository.live, 'tag', '2.0.0', repository.one.sha);
    await expect(resolve('2.0.0')).rejects.toMatchObject({
      type: 'Usage',
      message: expect.stringContaining('ambiguous') as string,
    });
    await expect(resolve('v2.0.0')).rejects.toMatchObject({
      type: 'Usage',
      message: expect.stringContaining('ambiguous') as string,
    });
    git(repository.live, 'tag', '--force', '2.0.0', repository.two.sha);
    expect(await resolve('2.0.0')).toEqual(repository.two);
  });

  it('is a commit for 7 to 40 hex digits that no tag is named after', async () => {
    repository = makeRepository();
    const { one, two, live } = repository;
    expect(await resolve(two.sha.slice(0, 7))).toEqual({ version: two.sha.slice(0, 7), sha: two.sha });
    git(live, 'tag', two.sha.slice(0, 7), one.sha);
    expect((await resolve(two.sha.slice(0, 7))).sha).toBe(one.sha);
    await expect(resolve('abcdef1')).rejects.toMatchObject({ type: 'Usage' });
  });

  it('names the nearest tags and how to list them when it is unknown', async () => {
    repository = makeRepository();
    const refused = resolve('2.0.1');
    await expect(refused).rejects.toMatchObject({
      type: 'Usage',
      message: expect.stringContaining('nearest tags are v2.0.0, v1.0.0') as string,
    });
    await expect(refused).rejects.toThrow(/git -C .* tag --sort/);
  });

  it('is nothing that Git could take for an option or an expression', async () => {
    repository = makeRepository();
    const refused = [
      '--upload-pack=touch /tmp/x',
      '-1.0',
      'a..b',
      'HEAD~1',
      'v1^{}',
      'a b',
      '',
      '@',
      'x:y',
      'v1.0.0\n',
      '1.0.lock',
    ];
    for (const version of refused) {
      const message = expect.stringContaining(`${JSON.stringify(version)} is no version`) as string;
      await expect(resolve(version)).rejects.toMatchObject({ type: 'Usage', message });
    }
  });

  it('does not need the remote when it is known here, and says that it was not asked', async () => {
    repository = makeRepository();
    git(repository.live, 'remote', 'set-url', 'origin', '/nowhere/at/all');
    const step = repository.step();
    expect(await source(repository.definition).resolve(step, '2.0.0')).toEqual(repository.two);
    expect(step.lines.join('\n')).toContain('git fetch origin failed');
    git(repository.live, 'remote', 'set-url', 'origin', 'http://ann:geheim@127.0.0.1:1/shop.git');
    const message = expect.not.stringContaining('geheim') as string;
    await expect(resolve('9.0.0')).rejects.toMatchObject({ type: 'Unreachable', message });
  });

  it('is refused when the remote moved the tag to another commit', async () => {
    repository = makeRepository();
    commit(repository.origin, { 'app.js': 'moved\n' });
    git(repository.origin, 'tag', '--force', '-a', 'v2.0.0', '-m', 'again');
    await expect(resolve('2.0.0')).rejects.toMatchObject({
      type: 'Usage',
      message: expect.stringContaining('was moved') as string,
    });
    expect((await resolve('1.0.0')).sha).toBe(repository.one.sha);
  });

  it('is refused where there is no checkout', async () => {
    repository = makeRepository();
    const inside = join(repository.live, 'data');
    const step = stepContext({ definition: definitionOf(inside), folder: repository.folder, home: repository.folder });
    await expect(source(step.definition).resolve(step, '1.0.0')).rejects.toThrow('is no Git checkout');
  });
});

describe('the running version', () => {
  it('is the newest version tag of the commit that is checked out', async () => {
    repository = makeRepository();
    const running = () => source(repository.definition).running(repository.step());
    expect(await running()).toEqual(repository.one);
    for (const tag of ['v2.0.0-rc.1', 'latest', 'v1.9.0']) git(repository.live, 'tag', tag, repository.two.sha);
    git(repository.live, 'checkout', '--quiet', '--detach', repository.two.sha);
    expect(await running()).toEqual(repository.two);
  });

  it('is named by its commit where no version tag is', async () => {
    repository = makeRepository();
    const sha = commit(repository.live, { 'app.js': 'untagged\n' });
    expect(await source(repository.definition).running(repository.step())).toEqual({ version: sha.slice(0, 12), sha });
  });

  it('is null for no checkout, an empty one, and a folder inside another one', async () => {
    repository = makeRepository();
    const empty = mkdtempSync(join(tmpdir(), 'slipway-empty-'));
    const runningIn = (directory: string) => {
      const step = stepContext({
        definition: definitionOf(directory),
        folder: repository.folder,
        home: repository.folder,
      });
      return source(step.definition).running(step);
    };
    expect(await runningIn(join(repository.live, 'data'))).toBeNull();
    expect(await runningIn(empty)).toBeNull();
    git(empty, 'init', '--quiet');
    expect(await runningIn(empty)).toBeNull();
    rmSync(empty, { recursive: true });
  });
});

it('lists the files of a folder of a version that is not checked out', async () => {
  repository = makeRepository();
  const list = (release: Release, folder: string) =>
    source(repository.definition).list(repository.step(), release, folder);
  expect(await list(repository.two, 'migrations')).toEqual(['001-a.js', '002-b.js']);
  expect(await list(repository.two, './migrations/')).toEqual(['001-a.js', '002-b.js']);
  expect(await list(repository.one, '.')).toContain('VERSION');
  expect(await list(repository.one, 'nowhere')).toEqual([]);
});

it('refuses a definition whose versions come from nowhere', () => {
  repository = makeRepository();
  const nowhere = definitionOf(repository.live, { source: {}, positions: { source: 'systems/shop.yaml:9' } });
  expect(() => source(nowhere)).toThrow('systems/shop.yaml:9: versions come from nowhere');
});
