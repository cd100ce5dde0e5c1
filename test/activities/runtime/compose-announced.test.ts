import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { runtime } from '../../../src/activities/runtime/lookup.js';
import type { At } from '../../../src/model.js';
import { baseImage, describeWithDocker } from '../../stack/docker.js';
import { git, write } from '../source/repository.js';
import { makeComposeStand, type ComposeStand } from './compose-stand.js';

describeWithDocker('the compose files of a release that is not fetched yet', () => {
  let stand: ComposeStand;
  beforeEach(async () => {
    stand = await makeComposeStand();
    mkdirSync(join(stand.directory, 'tmp'));
    vi.stubEnv('TMPDIR', join(stand.directory, 'tmp'));
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    stand.remove();
  });

  it('are resolved from its commit: people agree to what they resolve to, see what changes, and what cannot start is NO-GO', async () => {
    stand.env({ ADDED: 'se$cret' });
    const path = join(stand.directory, 'compose.yaml');
    const live = readFileSync(path, 'utf8');
    git(stand.directory, 'init', '--quiet');
    const release = (version: string, files: Record<string, string>) => {
      write(stand.directory, files);
      git(stand.directory, 'add', 'server.py', ...Object.keys(files));
      git(stand.directory, 'commit', '--quiet', '--message', version);
      return { version, sha: git(stand.directory, 'rev-parse', 'HEAD') };
    };
    const one = { ...release('1.0.0', { 'compose.yaml': live }), run: '20260101T000000Z-abcdef' };
    const added = '    environment: { ADDED: "${ADDED}" }\n';
    const two = release('2.0.0', {
      // By a name that tells nothing.
      'deploy/settings': 'PLAIN=1\n',
      'compose.yaml': live.replace('  db:\n', `    env_file: [deploy/settings]\n${added}  db:\n`),
    });
    const three = release('3.0.0', {
      'compose.yaml': `${live.replace('  db:\n', '    environment: { A: "${NOT_SET}" }\n  db:\n')}  cache: { image: 'no-such-image:1' }\n`,
    });
    const four = release('4.0.0', { 'compose.yaml': live.replace('  db:\n', '    env_file: [made.env]\n  db:\n') });
    git(stand.directory, 'checkout', '--quiet', '--detach', one.sha);
    // What people keep beside the code is read with it.
    writeFileSync(join(stand.directory, 'compose.override.yaml'), 'services: { web: { environment: { B: "2" } } }\n');

    const at = (version: typeof two, where: Partial<At> = {}, install?: string[][]) => {
      const step = stand.step({ step: 'preflight', ...where });
      const definition = { ...step.definition, source: { git: install ? { install } : {} } };
      return { ...step, definition, run: { ...step.run, version, previous: one } };
    };
    const plan = (version: typeof two) => runtime(at(version).definition).resolved(at(version));
    const check = async (step: ReturnType<typeof at>) =>
      (await runtime(step.definition).preflight(step)).find(({ name }) => name === 'compose-coming');

    const agreed = await plan(two);
    const change = 'docker compose config changes in services.web.environment.ADDED, services.web.environment.PLAIN';
    expect(agreed.slice(1)).toEqual([
      expect.stringMatching(`^# db: ${baseImage} is `) as string,
      expect.stringMatching(`^# web: ${baseImage} is `) as string,
      '# to stop by itself: web 30 s',
      expect.stringMatching(/^# docker compose config of 2\.0\.0: sha256 [0-9a-f]{64}$/) as string,
      `# ${change}`,
    ]);
    expect(agreed.join()).not.toContain('se$cret');
    expect(await check(at(two))).toMatchObject({ outcome: 'pass', seen: change });
    expect(await plan(two)).toEqual(agreed);
    expect(await plan({ ...one, version: '1.0.1' })).toContain('# the same docker compose config');

    expect(await check(at(three))).toMatchObject({
      ...{ outcome: 'fail', must: 'must' },
      seen: expect.stringMatching(/^variables-set: .*NOT_SET; images-here: no-such-image:1 is gone/) as string,
    });
    expect(await plan(four)).toContain('# docker compose config of 4.0.0 is known once it is fetched');
    const lacking = { outcome: 'fail', seen: expect.stringContaining('made.env') as string };
    expect(await check(at(four))).toMatchObject({ ...lacking, must: 'must' });
    // Its `install` may make it.
    expect(await check(at(four, {}, [['true']]))).toMatchObject({ ...lacking, must: 'warn' });
    expect(readdirSync(join(stand.directory, 'tmp'))).toEqual([]);

    // What is staged resolves to just that; a variable that only its files read, changed since, does not.
    const coming = (step = at(two, { step: 'fetch' })) => runtime(step.definition).coming!(step, two, agreed);
    git(stand.directory, 'worktree', 'add', '--quiet', '--detach', at(two).staged(two), two.sha);
    expect(await coming()).toBe(change);
    stand.env({ ADDED: 'other' });
    expect((await plan(two))[0]).toBe(agreed[0]);
    await expect(coming()).rejects.toMatchObject({
      type: 'Drift',
      message: expect.stringMatching(
        /^docker compose config of 2\.0\.0 is another one than people agreed to: .* or start anew$/,
      ) as string,
    });
  });
});
