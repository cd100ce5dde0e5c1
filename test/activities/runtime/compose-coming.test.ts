import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { pinnedImages, writeForeign } from '../../../src/activities/source/images/record.js';
import { runtime } from '../../../src/activities/runtime/lookup.js';
import type { At, Release } from '../../../src/model.js';
import { baseImage, describeWithDocker, docker } from '../../stack/docker.js';
import { makeComposeStand, type ComposeStand } from './compose-stand.js';

const release = { version: '2.0.0', sha: 'a'.repeat(40) };

describeWithDocker('a compose file that comes with the new version', () => {
  let stand: ComposeStand;
  beforeEach(async () => void (stand = await makeComposeStand()));
  afterEach(() => stand.remove());

  const write = (root: string, files: Record<string, string>) => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
  };

  it('is refused before anything stops, with all that is wrong, and started only as it was checked', async () => {
    const step = stand.step({ step: 'fetch' });
    const staged = step.staged(release);
    const coming = () => runtime(step.definition).coming!(stand.step({ step: 'fetch' }), release);
    // What people keep beside the code: an override, and variables of a service in a folder of the code.
    const git = (...argv: string[]) => execFileSync('git', ['-C', stand.directory, ...argv], { stdio: 'ignore' });
    write(stand.directory, { 'server/main.py': '' });
    git('init');
    git('add', 'compose.yaml', 'server');
    write(stand.directory, {
      'server/app.env': 'A=1\n',
      'compose.override.yaml': 'services: { web: { environment: { B: "2" } } }\n',
    });
    const live = readFileSync(join(stand.directory, 'compose.yaml'), 'utf8');

    write(staged, { 'README.md': '' });
    await expect(coming()).rejects.toMatchObject({
      type: 'BadDefinition',
      message: expect.stringContaining('2.0.0 has no compose.yaml') as string,
    });
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    write(staged, {
      'compose.yaml': `services:
  web:
    extends: { file: common.yaml, service: base }
    env_file: [server/app.env, server/new.env]
    environment: { TOKEN: "\${NOT_SET}" }
    ports: ["127.0.0.1:${port}:80"]
    volumes: [kept:/kept]
  db: { image: 'no-such-image:1' }
  jobs: { build: . }
volumes: { kept: { external: true, name: ${stand.project}-kept } }
`,
      'common.yaml': `services: { base: { image: '${baseImage}' } }`,
      'server/new.env': 'C=3\n',
    });
    const wrong = await coming().catch((error: Error) => error.message);
    other.close();
    expect(wrong).toContain('2.0.0 cannot be started: ');
    for (const text of [`NOT_SET`, 'no-such-image:1 is gone', `port ${port}`, `no volume ${stand.project}-kept`])
      expect(wrong).toContain(text);
    await expect(
      runtime(step.definition).coming!(stand.step({}, { services: ['web', 'jobs'] }), release),
    ).rejects.toMatchObject({ message: expect.stringContaining('jobs is built by compose: name it in') as string });

    write(staged, {
      'compose.yaml': live.replace('  web:\n', '  web:\n    env_file: [server/app.env, server/new.env]\n'),
    });
    await coming();
    expect(existsSync(join(step.folder, 'coming', release.sha))).toBe(false);
    expect(readFileSync(join(stand.directory, 'server/app.env'), 'utf8')).toBe('A=1\n');
    write(stand.directory, { 'compose.override.yaml': 'services: { web: { environment: { B: "3" } } }\n' });
    await expect(runtime(step.definition).start(stand.step(), release)).rejects.toMatchObject({
      type: 'NotStarted',
      message: expect.stringMatching(/compose.override.yaml \([0-9a-f]{12} then, [0-9a-f]{12} now\)/) as string,
    });
  });

  it('names other images by tags that anybody moves: they are told, and pinned by id for the way back, too', async () => {
    const tag = `${stand.project}/web:latest`;
    const build = (text: string) => {
      writeFileSync(join(stand.directory, 'Dockerfile'), `FROM ${baseImage}\nENV TEXT=${text}\n`);
      return docker('build', '--quiet', '--tag', tag, stand.directory);
    };
    const compose = (more: string) => {
      stand.compose({ web: `    pull_policy: always\n    environment: ${more}` });
      const path = join(stand.directory, 'compose.yaml');
      writeFileSync(path, readFileSync(path, 'utf8').replace(baseImage, tag));
    };
    const before = { version: '1.0.0', sha: '1'.repeat(40), run: '20260101T000000Z-abcdef' };
    const at = (where: Partial<At>) => {
      const step = stand.step(where);
      return { ...step, run: { ...step.run, previous: before } };
    };
    const start = async (what: Release, where: Partial<At>) => {
      await runtime(at({}).definition).start(at(where), what);
      return docker('inspect', '--format', '{{.Image}}', `${stand.project}-web-1`);
    };
    const then = build('1');
    stand.env({ TOKEN: 'o$ne', ADDED: 'se$cret' });
    compose('{ TOKEN: "${TOKEN}" }');
    execFileSync('git', ['-C', stand.directory, 'init', '--quiet']);
    expect(await start(before, { step: 'reopen' })).toBe(then);

    const now = build('2');
    const [short, shortNow] = [then, now].map((id) => id.slice(7, 19)) as [string, string];
    const checks = await runtime(at({}).definition).preflight(at({}));
    expect(checks.find(({ name }) => name === 'foreign-images')).toMatchObject({
      ...{ outcome: 'fail', must: 'warn' },
      seen: [
        `web runs ${short}, and ${tag} is ${shortNow} here: the start takes that`,
        `${tag} of web names no version`,
        'pull_policy: always of web is not followed: a release runs what is on this host',
      ].join('; '),
    });
    const plan = await runtime(at({}).definition).resolved(at({}));
    expect(plan.slice(1)).toEqual([
      expect.stringMatching(/^# db: .* is [0-9a-f]{12}$/),
      `# web: ${tag} is ${shortNow}`,
      '# to stop by itself: web 30 s',
      // There is no such commit here.
      '# docker compose config of 2.0.0 is known once it is fetched',
    ]);

    const live = readFileSync(join(stand.directory, 'compose.yaml'), 'utf8');
    const coming = live.replace('TOKEN: "${TOKEN}"', 'TOKEN: "x${TOKEN}", ADDED: "${ADDED}"').replace('30s', '2m');
    write(at({}).staged(release), { 'compose.yaml': coming, 'server.py': '' });
    const told = await runtime(at({}).definition).coming!(at({ step: 'fetch' }), release, plan);
    const keys = ['environment.ADDED', 'environment.TOKEN', 'stop_grace_period'].map((key) => `services.web.${key}`);
    expect(told).toBe(`docker compose config changes in ${keys.join(', ')}`);

    // Changed after people agreed, in the env file or in what lies untracked beside the code.
    const override = join(stand.directory, 'compose.override.yaml');
    const edits: [() => void, () => void][] = [
      [() => stand.env({ TOKEN: 'o$ther', ADDED: 'se$cret' }), () => stand.env({ TOKEN: 'o$ne', ADDED: 'se$cret' })],
      [() => writeFileSync(override, 'services: { web: { hostname: other } }\n'), () => rmSync(override)],
    ];
    for (const [edit, mend] of edits) {
      edit();
      expect((await runtime(at({}).definition).resolved(at({})))[0]).not.toBe(plan[0]);
      const fetching = at({ step: 'fetch', try: 4 });
      await expect(runtime(fetching.definition).coming!(fetching, release, plan)).rejects.toMatchObject({
        type: 'Drift',
        message: expect.stringMatching(
          /config is another one than people agreed to: .*\.env.* or start anew$/,
        ) as string,
      });
      expect(fetching.changes).toEqual([]);
      mend();
    }
    const later = build('3').slice(7, 19);
    // Not what people agreed to.
    await expect(
      runtime(at({}).definition).coming!(at({ step: 'fetch', try: 2 }), release, plan),
    ).rejects.toMatchObject({
      type: 'ImageRefused',
      message: expect.stringContaining(`web: ${tag} is ${later}: start anew`) as string,
    });
    write(stand.directory, { 'compose.yaml': coming });
    expect(await start(release, {})).toBe(now);
    write(stand.directory, { 'compose.yaml': live });
    expect(await start(before, { step: 'stop', undo: true })).toBe(then);
    // Also by a rollback in a later run: what it had, not what the tag means by then.
    await writeForeign(stand.step({}, {}, before.run), before, { web: { id: then, tag } });
    write(at({}).staged(before), { 'compose.yaml': live, 'server.py': '' });
    await runtime(at({}).definition).coming!(at({ step: 'fetch', try: 3 }), before);
    expect((await pinnedImages(at({}), before)).web).toEqual({ id: then, tag });
    write(stand.directory, { 'compose.yaml': coming });
    docker('rmi', '--force', now);
    await expect(start(release, { try: 2 })).rejects.toMatchObject({
      type: 'NotStarted',
      message: `images are gone from this host: web: ${tag} (${shortNow})`,
    });
  }, 600_000);
});
