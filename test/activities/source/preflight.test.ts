import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { source } from '../../../src/activities/source/lookup.js';
import type { Release } from '../../../src/model.js';
import { commit, git, makeRepository, write, type Repository } from './repository.js';

let repository: Repository;
afterEach(() => repository.remove());

async function checks(release: Release = repository.two) {
  const results = await source(repository.definition).preflight(repository.step(), release);
  return Object.fromEntries(results.map((result) => [result.name, result]));
}

describe('preflight of a Git source', () => {
  it('passes for a clean checkout whose version file and changelog name the version', async () => {
    repository = makeRepository({ version_file: 'VERSION', changelog: 'CHANGELOG.md' });
    const results = await checks();
    expect(Object.values(results).map(({ name, outcome }) => `${name} ${outcome}`)).toEqual([
      ...[
        'checkout pass',
        'checkout-clean pass',
        'checkout-free pass',
        'checkout-whole pass',
        'version-file pass',
        'changelog pass',
        'room-for-code pass',
      ],
    ]);
  });

  it('names changed files, those that the definition does not expect', async () => {
    repository = makeRepository({ expected_changes: ['docs/'] });
    write(repository.live, { 'app.js': 'edited\n', 'docs/notes.md': 'evidence\n' });
    const results = await checks();
    expect(results['checkout-clean']).toMatchObject({ outcome: 'fail', seen: 'app.js' });
    expect(results['checkout-free']).toMatchObject({ outcome: 'pass' });
  });

  it('names an expected change that the new version changes as well, and files that it would bring over ignored ones', async () => {
    repository = makeRepository({ expected_changes: ['app.js'] });
    write(repository.live, { 'app.js': 'state\n', '.git/info/exclude': 'new.js\n', 'new.js': 'mine\n' });
    expect((await checks())['checkout-free']).toMatchObject({ outcome: 'fail', seen: 'app.js, new.js' });
  });

  it('names what no checkout would bring: submodules, and files of a filter that is not set up here', async () => {
    repository = makeRepository();
    const before = git(repository.live, 'rev-parse', 'HEAD');
    git(repository.live, 'update-index', '--add', '--cacheinfo', `160000,${before},vendor/lib`);
    git(repository.live, 'commit', '--quiet', '--message', 'a submodule');
    const linked = git(repository.live, 'rev-parse', 'HEAD');
    git(repository.live, 'checkout', '--quiet', before);
    expect((await checks({ version: '3', sha: linked }))['checkout-whole']).toMatchObject({
      outcome: 'fail',
      must: 'must',
      seen: 'submodules, which no checkout switches: vendor/lib',
    });
    const step = repository.step();
    const back = { ...step, run: { ...step.run, kind: 'rollback' as const } };
    expect(await source(repository.definition).preflight(back, { version: '3', sha: linked })).toContainEqual(
      expect.objectContaining({ name: 'checkout-whole', outcome: 'fail', must: 'warn' }),
    );
    const attributes = { 'static/.gitattributes': '*.png filter=slipway-none diff=lfs -text\n*.svg filter=ours\n' };
    const filtered = commit(repository.live, attributes);
    git(repository.live, 'checkout', '--quiet', before);
    const seen = async () => (await checks({ version: '4', sha: filtered }))['checkout-whole']?.seen;
    git(repository.live, 'config', 'filter.ours.smudge', 'cat');
    expect(await seen()).toBe('filter=slipway-none is not set up here: git config');
    git(repository.live, 'config', 'filter.slipway-none.process', 'true');
    expect(await seen()).toBe('it does');
  });

  it('fails when version file or changelog name another version', async () => {
    repository = makeRepository({ version_file: 'VERSION', changelog: 'CHANGELOG.md' });
    const sha = commit(repository.live, { 'CHANGELOG.md': '# 2.0.0-rc.1\n# 12.0.0\n# 2.0.0.1\n' });
    expect(await checks({ version: '2.0.0', sha })).toMatchObject({
      'version-file': { outcome: 'fail', seen: '1.0.0' },
      changelog: { outcome: 'fail', seen: 'no mention' },
    });
    expect(await checks({ version: sha.slice(0, 9), sha })).toMatchObject({ 'version-file': { outcome: 'n/a' } });
  });

  it('fails for a tag without the signature that is asked for', async () => {
    repository = makeRepository({ signed: true });
    expect((await checks()).signature).toMatchObject({ outcome: 'fail', expected: 'tag v2.0.0 has a good signature' });
  });

  it('fails where there is no checkout, or without the commit', async () => {
    repository = makeRepository();
    expect(await checks({ version: '9', sha: '9'.repeat(40) })).toMatchObject({ checkout: { outcome: 'fail' } });
    git(repository.live, 'status');
    rmSync(join(repository.live, '.git'), { recursive: true });
    expect(await checks()).toMatchObject({ checkout: { outcome: 'fail' } });
  });
});
