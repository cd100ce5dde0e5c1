import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { writeImages } from '../../../src/activities/source/images/record.js';
import { withComposeProgram } from '../../../src/activities/runtime/compose/program.js';
import { publishedPorts, unsetVariables } from '../../../src/activities/runtime/compose/project.js';
import { openPorts } from '../../../src/activities/runtime/listeners.js';
import { runtime } from '../../../src/activities/runtime/lookup.js';
import { findProgram } from '../../../src/lib/program.js';
import { baseImage, describeWithDocker, docker } from '../../stack/docker.js';
import type { TestStep } from '../step-context.js';
import { makeComposeV1 } from './compose-v1.js';
import { makeComposeStand, type ComposeStand } from './compose-stand.js';

const release = { version: '2.0.0', sha: '0'.repeat(40) };
/** Each is eaten, split or filled in by something that reads an env file, a compose file or a shell line. */
const uglyValues = [
  '$HOME',
  '$$x',
  '${HOME}',
  '${NONE:-d}',
  'a$b$',
  '$',
  '$1\\n',
  '\\$x',
  '`id`',
  '$(id)',
  'q"q',
  '#x y',
  ' #c',
  'a=b',
  '%s&;|<>*?',
  '!{}[]~',
  '{{.ID}}',
  '"',
  'ü€',
  '--- # :',
  "it's",
  'two\nlines $x',
];
const failing = (type: string, message: string | RegExp) =>
  expect.objectContaining({
    type,
    message:
      typeof message === 'string'
        ? (expect.stringContaining(message) as string)
        : (expect.stringMatching(message) as string),
  }) as Error;
const start = (step: TestStep) => runtime(step.definition).start(step, release);
const stop = (step: TestStep) => runtime(step.definition).stop(step);

describeWithDocker('services of docker compose', () => {
  let stand: ComposeStand;
  beforeEach(async () => void (stand = await makeComposeStand()));
  afterEach(() => stand.remove());
  const ids = (service: string) =>
    docker(
      'ps',
      '--all',
      '--quiet',
      '--no-trunc',
      '--filter',
      `label=com.docker.compose.project=${stand.project}`,
      '--filter',
      `label=com.docker.compose.service=${service}`,
    );

  it('start as new containers, with what they need and no release touches, and stop for good, with closed ports', async () => {
    stand.compose({ web: '    restart: always' });
    const policy = () => docker('inspect', '--format', '{{.HostConfig.RestartPolicy.Name}}', ids('web'));
    expect(await runtime(stand.step().definition).runs(stand.step())).toBe(false);
    const started = await start(stand.step());
    expect(started.note).toContain('web (');
    const [web, db] = [ids('web'), ids('db')];
    expect(await openPorts([stand.port])).toEqual([stand.port]);
    // A second attempt of the same step adopts what the first one did.
    await start(stand.step());
    expect(ids('web')).toBe(web);
    const stopped = await stop(stand.step({ step: 'stop' }));
    expect(stopped).toMatchObject({ data: { services: ['web'], ports: [stand.port] } });
    expect(await openPorts([stand.port])).toEqual([]);
    // Else the engine would start it again after a reboot.
    expect(policy()).toBe('unless-stopped');
    // Drifted, as by another version of compose: no service of the release, so it stays the very container.
    stand.compose({ web: '    restart: always', more: '    environment: { DRIFTED: "1" }' });
    await start(stand.step({ try: 2 }));
    expect(ids('web')).not.toBe(web);
    expect(ids('db')).toBe(db);
    expect(policy()).toBe('always');
  });

  it('are found when one dies seconds after `up`, with its last lines', async () => {
    stand.compose({ web: `    entrypoint: [sh, -c, 'echo out of memory; sleep 1; exit 3']` });
    await expect(start(stand.step({}, { observeMs: 3_000 }))).rejects.toEqual(
      failing('NotStarted', /web .*exit code 3; its last lines: out of memory/),
    );
  });

  it('are found when one is started again and again', async () => {
    stand.compose({ web: `    restart: always\n    entrypoint: [sh, -c, 'echo crashed; exit 1']` });
    await expect(start(stand.step({}, { observeMs: 3_000 }))).rejects.toEqual(
      failing('NotStarted', /web .*its last lines: .*crashed/),
    );
  });

  it('get their variables byte for byte, and a variable that is not set stops the start before it begins', async () => {
    const env = Object.fromEntries(uglyValues.map((value, index) => [`SECRET_${index}`, value]));
    stand.env(env);
    const step = stand.step();
    stand.compose({
      web: `    environment: { ${Object.keys(env)
        .map((name) => `${name}: "\${${name}}"`)
        .join(', ')} }`,
    });
    await start(step);
    // Docker's own proxy takes connections before the server does.
    const ask = async () => (await fetch(`http://127.0.0.1:${stand.port}/`)).json() as Promise<Record<string, string>>;
    const seen = await vi.waitFor(ask, patiently);
    for (const name of Object.keys(env)) expect(seen[name], name).toBe(env[name]);
    let configs = 0;
    const next = stand.step();
    const look: TestStep['look'] = (request) => {
      if (request.argv.at(-1) === 'config') configs += 1;
      return next.look(request);
    };
    const [resolved] = await Promise.all([
      runtime(step.definition).resolved({ ...next, look }),
      runtime(step.definition).preflight({ ...next, look }),
    ]);
    // One activity asks compose once for its files.
    expect(configs).toBe(1);
    const plan = [...Object.values(runtime(step.definition).commands(step.definition)), resolved].flat();
    expect(plan.join('\n')).toMatch(/docker compose config: sha256 [0-9a-f]{64}/);
    for (const value of uglyValues) expect(plan.join('\n')).not.toContain(value);
    stand.compose({ web: `    environment: { TOKEN: "\${NOT_SET}" }` });
    const checks = await runtime(step.definition).preflight(stand.step());
    expect(checks.find(({ name }) => name === 'variables-set')).toMatchObject({
      outcome: 'fail',
      seen: expect.stringContaining('NOT_SET') as string,
    });
    await expect(start(stand.step({ try: 2 }))).rejects.toEqual(failing('NotStarted', 'NOT_SET'));
  });

  it('get the grace of the compose file to stop, and little of it when going back', async () => {
    // Longer than the deadline of a compose command: it is the compose file that says how long.
    const patient = stand.step({ step: 'stop' }, { timeoutMs: 1_500 });
    stand.compose({ web: `    environment: { SLOW: "3" }` });
    await start(stand.step());
    expect(await stop(patient)).toMatchObject({
      note: expect.stringMatching(/^web stopped in [3-9].*, grace of the compose file: web 30 s; closed/) as string,
      data: { graceSeconds: null, graces: { web: 30 } },
    });
    stand.compose({ web: `    environment: { SLOW: "60" }` });
    await start(stand.step({ try: 2 }));
    const began = Date.now();
    expect(await stop(stand.step({ step: 'start', undo: true }))).toMatchObject({ data: { graceSeconds: 5 } });
    expect(Date.now() - began).toBeLessThan(25_000);
  });

  it('are refused with what is wrong: no compose file, an unknown service, no image, a taken port', async () => {
    const check = async (settings: object, name: string) =>
      (await runtime(stand.step().definition).preflight(stand.step({}, settings))).find((one) => one.name === name);
    expect(await check({ services: ['wbe'] }, 'services')).toMatchObject({
      outcome: 'fail',
      seen: expect.stringContaining('did you mean `web`') as string,
    });
    expect(await check({ files: ['none.yaml'] }, 'compose-files')).toMatchObject({
      outcome: 'fail',
      seen: 'no none.yaml',
    });
    expect(await check({}, 'services')).toMatchObject({ outcome: 'pass' });
    expect(await check({}, 'images-here')).toMatchObject({ outcome: 'pass' });
    // Held by somebody else before any container of ours was ever made: by another project, whose compose file alone says so, or by a process.
    const another = `${stand.project}-another`;
    docker('run', '--detach', '--name', another, '--label', 'com.docker.compose.project=shop-b', '--publish', `127.0.0.1:${stand.port}:8000`, baseImage, 'sleep', '60'); // prettier-ignore
    expect(await check({}, 'ports')).toMatchObject({
      outcome: 'fail',
      seen: `port ${stand.port}: ${another} of project shop-b`,
    });
    docker('rm', '--force', '--volumes', another);
    const other = createServer().listen(stand.port, '127.0.0.1');
    await once(other, 'listening');
    try {
      const taken = `port ${stand.port}: node (pid ${process.pid})`;
      expect(await check({}, 'ports')).toMatchObject({ outcome: 'fail', seen: taken });
      await expect(start(stand.step())).rejects.toEqual(failing('NotStarted', `the port is taken: ${taken}`));
      expect(ids('web')).toBe('');
    } finally {
      other.close();
    }
    stand.env({ DATABASE_URL: 'postgres://app@127.0.0.1:5433/shop' });
    stand.compose({ web: '    environment: { DATABASE_URL: "postgres://app:hidden@db/old" }' });
    const [url, told] = ['$DATABASE_URL', stand.step()];
    told.definition.databases = { main: { postgres: { url, backup_url: url, admin_url: url, in: 'db' } } };
    const databases = (await runtime(told.definition).preflight(told)).find((one) => one.name.includes('database'));
    expect(databases).toMatchObject({
      ...{ outcome: 'fail', must: 'must', expected: expect.stringContaining('database shop') as string },
      seen: 'DATABASE_URL of web leads to the PostgreSQL database old at db',
    });
    expect(await check({ program: ['no-such-compose'] }, 'engine')).toMatchObject({
      outcome: 'fail',
      seen: expect.stringContaining('no-such-compose is not on this host') as string,
    });
    // A host of before: v1 alone, as a program of its own.
    const old = join(stand.directory, 'old');
    mkdirSync(old);
    const programs = {
      docker: `[ "$1" = compose ] && exit 1\nexec ${findProgram('docker', process.env.PATH, '/')} "$@"`,
      'docker-compose': 'echo 1.29.2',
    };
    for (const [name, script] of Object.entries(programs))
      writeFileSync(join(old, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    vi.stubEnv('PATH', old);
    try {
      expect(await check({}, 'engine')).toMatchObject({
        outcome: 'fail',
        seen: expect.stringMatching(
          /; docker-compose is here: say compose: \{ program: \[docker-compose\] \}$/,
        ) as string,
      });
      expect(await check({ program: ['docker-compose'] }, 'engine')).toMatchObject({ outcome: 'pass' });
    } finally {
      vi.unstubAllEnvs();
    }
    writeFileSync(
      join(stand.directory, 'compose.yaml'),
      `name: another\nservices: { web: { image: "no-such-image:1", pull_policy: never } }`,
    );
    expect(await check({}, 'images-here')).toMatchObject({
      outcome: 'fail',
      seen: 'no-such-image:1 is gone: docker pull no-such-image:1',
    });
    await expect(start(stand.step())).rejects.toEqual(failing('CommandFailed', 'no-such-image'));
    stand.env({ COMPOSE_PROFILES: 'secure' });
    const { project: _, ...rest } = stand.step().definition.runtime.compose!;
    const unsaid = stand.step();
    unsaid.definition.runtime.compose = rest;
    const settings = (await runtime(unsaid.definition).preflight(unsaid)).find(
      ({ name }) => name === 'compose-settings',
    );
    expect(settings).toMatchObject({
      outcome: 'fail',
      seen: expect.stringMatching(/name in compose.yaml says another: .*; COMPOSE_PROFILES says secure: /) as string,
    });
    // What `--profile` leaves out, whoever runs it by hand has.
    stand.env({ COMPOSE_PROFILES: 'secure,postgres' });
    expect(await check({ profiles: ['secure'] }, 'compose-settings')).toMatchObject({
      seen: expect.stringContaining('COMPOSE_PROFILES says postgres: ') as string,
    });
  });

  it('show who died and what it said where others waited for it', async () => {
    stand.compose({
      web: '      migrate: { condition: service_completed_successfully }',
      more: `  migrate: { image: '${baseImage}', command: [sh, -c, 'echo no such column; exit 3'] }`,
    });
    const path = join(stand.directory, 'compose.yaml');
    const text = readFileSync(path, 'utf8')
      .replace('depends_on: [db]', 'depends_on:')
      .replace('    stop_grace_period: 30s\n', '');
    writeFileSync(path, text);
    await expect(start(stand.step({}, { services: ['migrate', 'web'] }))).rejects.toEqual(
      failing('NotStarted', /migrate .*exit code 3; its last lines: no such column/),
    );
  });

  it('are not taken for started where one that is none of theirs was recreated', async () => {
    const folder = join(stand.directory, 'wrong');
    mkdirSync(folder);
    const also = `case " $* " in *' --force-recreate '*) set -- "$@" db ;; esac`;
    writeFileSync(join(folder, 'docker'), `#!/bin/sh\n${also}\nexec docker "$@"\n`, { mode: 0o755 });
    await expect(start(stand.step({}, { program: [join(folder, 'docker'), 'compose'] }))).rejects.toEqual(
      failing('NotStarted', 'db is no service of this release, but was recreated'),
    );
  });

  it('lose what their images left in anonymous volumes only where asked, and a proxy is restarted after the switch', async () => {
    stand.compose({
      more: `  proxy: { image: '${baseImage}', init: true, command: [sleep, infinity], stop_grace_period: 0s }`,
    });
    const path = join(stand.directory, 'compose.yaml');
    writeFileSync(path, readFileSync(path, 'utf8').replace('/srv/server.py:ro]', '/srv/server.py:ro, /cache]'));
    const cached = () => docker('exec', ids('web'), 'ls', '/cache');
    docker(
      'compose',
      '--project-directory',
      stand.directory,
      '--file',
      path,
      '--project-name',
      stand.project,
      'up',
      '--detach',
      'proxy',
    );
    const began = () => docker('inspect', '--format', '{{.Id}} {{.State.StartedAt}}', ids('proxy')).split(' ');
    const before = began();
    await start(stand.step());
    docker('exec', ids('web'), 'touch', '/cache/old');
    await start(stand.step({ try: 2 }, { restart: ['proxy'] }));
    expect(cached()).toBe('old');
    const after = began();
    expect([after[0] === before[0], after[1] === before[1]]).toEqual([true, false]);
    await start(stand.step({ try: 3 }, { renew_anonymous_volumes: true }));
    expect(cached()).toBe('');
  });
});

describeWithDocker('docker-compose v1, the last one', () => {
  let stand: ComposeStand;
  beforeEach(async () => void (stand = await makeComposeStand()));
  afterEach(() => {
    vi.unstubAllEnvs();
    stand.remove();
  });

  it('is taken where it is all there is: starts what is pinned by id, runs a command inside and apart, and stops; what is not set is found in its words, too', async () => {
    const { definition } = stand.step();
    const old = join(stand.directory, 'old');
    mkdirSync(old);
    makeComposeV1(old);
    vi.stubEnv('PATH', `${old}:${process.env.PATH}`);
    expect(await withComposeProgram(definition)).toBe(definition);
    const client = `[ "$1" = compose ] && exit 1\nexec ${findProgram('docker', process.env.PATH, '/')} "$@"`;
    writeFileSync(join(old, 'docker'), `#!/bin/sh\n${client}\n`, { mode: 0o755 });
    const { program } = (await withComposeProgram(definition)).runtime.compose ?? {};
    expect(program).toEqual(['docker-compose']);
    stand.env({ WORDS: 'a$b${c}"d' });
    stand.compose({ web: '    environment: { WORDS: "${WORDS}" }' });
    const step = (at: object) => stand.step(at, { program: program! });
    const checks = await runtime(step({}).definition).preflight(step({}));
    expect(checks.filter(({ outcome }) => outcome !== 'pass')).toEqual([]);
    expect(checks.find(({ name }) => name === 'engine')?.seen).toContain('compose 1.29.2');
    expect(checks.find(({ name }) => name === 'ports')?.seen).toBe(String(stand.port));
    const request = { in: 'web', argv: ['sh', '-c', 'printf "%s %s" "$WORDS" "$OWN"'], env: { OWN: 'o$n' } };
    expect((await step({}).read(request)).stdout).toBe('a$b${c}"d o$n');
    await start(step({}));
    expect((await step({}).read(request)).stdout).toBe('a$b${c}"d o$n');
    await stop(step({ step: 'stop' }));
    expect(await openPorts([stand.port])).toEqual([]);
    // Pinned by id: neither what the tag names, nor built from what is here.
    writeFileSync(join(stand.directory, 'Dockerfile'), `FROM ${baseImage}\nENV RELEASE=2\n`);
    const tag = `${stand.project}:2`;
    const id = docker('build', '--quiet', '--tag', tag, stand.directory);
    writeFileSync(join(stand.directory, 'Dockerfile'), 'FROM scratch\n');
    stand.compose({ web: '    build: .' });
    await writeImages(step({}), release, { web: { id, tag } });
    const printed = { in: 'web', argv: ['printenv', 'RELEASE'], of: release };
    expect((await step({ try: 3 }).read(printed)).stdout).toBe('2\n');
    await start(step({ try: 3 }));
    expect(docker('inspect', '--format', '{{.Image}}', `${stand.project}_web_1`)).toBe(id);
    stand.compose({ web: '    environment: { WORDS: "${NOT_SET}" }' });
    await expect(start(step({ try: 2 }))).rejects.toMatchObject({
      message: expect.stringContaining('NOT_SET') as string,
    });
  }, 600_000);

  it('is read where it writes otherwise: variables without quotes, ports as one text', () => {
    const warning = 'WARNING: The TOKEN variable is not set. Defaulting to a blank string.';
    expect(unsetVariables(`${warning}\ntime="…" level=warning msg="The \\"OTHER\\" variable is not set."`)).toEqual([
      'TOKEN',
      'OTHER',
    ]);
    expect(['127.0.0.1:8080:80/tcp', '53:53/udp', '9000-9002:9000-9002', '8000'].flatMap(publishedPorts)).toEqual([
      8080, 9000, 9001, 9002,
    ]);
    expect([{ published: '8080', protocol: 'tcp' }, { published: 81 }, {}].flatMap(publishedPorts)).toEqual([8080, 81]);
  });
});

describeWithDocker('a command inside a service', () => {
  let stand: ComposeStand;
  beforeEach(async () => void (stand = await makeComposeStand()));
  afterEach(() => stand.remove());

  it('runs in its container, and where that is stopped in one of its own, without the entrypoint; values come by name', async () => {
    stand.compose({ web: '    entrypoint: [env]' });
    const step = stand.step();
    const argv = ['sh', '-c', 'echo "$TOKEN $(hostname)"; test -f /srv/server.py'];
    const apart = await step.read({ in: 'web', argv, env: { TOKEN: 'se$cret' } });
    expect(apart.stdout).toMatch(/^se\$cret [0-9a-f]{12}\n$/);
    expect(apart.argv.join(' ')).not.toContain('se$cret');
    await start(step);
    const within = await step.read({ in: 'web', argv, env: { TOKEN: 'other' } });
    expect(within.stdout).toMatch(/^other /);
    expect((await step.read({ in: 'web', argv: ['hostname'] })).stdout).toBe(within.stdout?.replace('other ', ''));
    expect((await step.read({ in: 'web', argv: ['cat'], input: 'by standard input' })).stdout).toBe(
      'by standard input',
    );
    const oneOffs = [`project=${stand.project}`, 'oneoff=True'].flatMap((label) => [
      '--filter',
      `label=com.docker.compose.${label}`,
    ]);
    expect(docker('ps', '--all', '--quiet', ...oneOffs)).toBe('');
  });

  it('is gone with all it started once it is ended, though the docker client’s death leaves it', async () => {
    const step = stand.step();
    await start(step);
    const inside = () =>
      docker('exec', `${stand.project}-web-1`, 'sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "');
    const argv = ['sh', '-c', 'sleep 987 & sleep 986'];
    await expect(step.change('long', { in: 'web', argv, deadlineMs: 1_500 })).rejects.toMatchObject({
      type: 'Timeout',
    });
    expect(inside()).not.toMatch(/sleep 98[67]/);

    // As by a person, or for want of memory: the client alone is killed.
    const killed = step.change('killed', { in: 'web', argv });
    await expect.poll(inside, patiently).toMatch(/sleep 986/);
    kill(step, 'killed', isClient);
    await expect(killed).rejects.toMatchObject({ type: 'CommandFailed' });
    expect(inside()).not.toMatch(/sleep 98[67]/);

    // No worker is there at its deadline, which the container holds by itself: the client's end leaves it.
    const late = { in: 'web', argv, deadlineMs: 4_000 };
    const left = stand.step();
    const leaving = expect(left.change('late', late)).rejects.toMatchObject({ type: 'WorkerLeft' });
    await expect.poll(inside, patiently).toMatch(/sleep 986/);
    left.leave.abort();
    await leaving;
    await expect.poll(inside, patiently).not.toMatch(/sleep 98[67]/);
    await expect(stand.step().change('late', late)).rejects.toMatchObject({ type: 'Timeout' });

    // With all that would have noted its exit code: nobody can tell any more, and nothing goes on behind the question.
    const lost = step.change('lost', { in: 'web', argv });
    await expect.poll(inside, patiently).toMatch(/sleep 986/);
    kill(step, 'lost', () => true);
    await expect(lost).rejects.toMatchObject({ type: 'OutcomeUnknown' });
    expect(inside()).not.toMatch(/sleep 98[67]/);
  });

  it('leaves no container of its own where its service is stopped: at its deadline, by a cancel, by its client’s death', async () => {
    const [step, other] = [stand.step(), stand.step()];
    const project = `label=com.docker.compose.project=${stand.project}`;
    const apart = () => docker('ps', '--all', '--format', '{{.Names}}', '--filter', project);
    const request = { in: 'web', argv: ['sleep', '984'] };
    const late = expect(step.change('late', { ...request, deadlineMs: 8_000 })).rejects.toMatchObject({
      type: 'Timeout',
    });
    await expect.poll(apart, patiently).toMatch(/late/);
    const cancelled = expect(other.change('ended', request)).rejects.toMatchObject({ name: 'CancelledFailure' });
    const killed = expect(step.change('killed', request)).rejects.toMatchObject({ type: 'CommandFailed' });
    await expect.poll(apart, patiently).toMatch(/killed/);
    kill(step, 'killed', isClient);
    await killed;
    expect(apart()).not.toMatch(/killed/);
    await expect.poll(apart, patiently).toMatch(/ended/);
    other.cancel.abort();
    await Promise.all([cancelled, late]);
    expect(apart()).toBe('');
  });

  it('is told as unknown where nobody can see whether it ended: its image has no shell', async () => {
    const tag = `${stand.project}/bare:1`;
    writeFileSync(
      join(stand.directory, 'Dockerfile'),
      `FROM ${baseImage}\nRUN ["rm", "/bin/sh", "/usr/bin/timeout"]\n`,
    );
    docker('build', '--quiet', '--tag', tag, stand.directory);
    const path = join(stand.directory, 'compose.yaml');
    writeFileSync(path, readFileSync(path, 'utf8').replace(baseImage, tag));
    const step = stand.step();
    await start(step);
    const long = step.change('long', { in: 'web', argv: ['sleep', '985'], deadlineMs: 1_000 });
    await expect(long).rejects.toEqual(
      failing(
        'OutcomeUnknown',
        /nobody can tell whether .*start-1-long still runs inside web: a kill inside container [0-9a-f]{12} was not confirmed: .*"sh"/,
      ),
    );
    // It does, and nothing said otherwise.
    expect(docker('top', `${stand.project}-web-1`)).toContain('sleep 985');
  });

  it('is found again by a second attempt, once, with its exit code; a one-off of a stopped service, too', async () => {
    const once = 'echo ran >>/tmp/ledger; sleep 1; wc -l </tmp/ledger; exit 7';
    for (const runs of [false, true]) {
      const attempt = () => stand.step({ try: runs ? 2 : 1 });
      if (runs) await start(attempt());
      const request = { in: 'web', argv: ['sh', '-c', once], ok: [7] };
      const first = attempt().change('migrate', request);
      await new Promise((wake) => setTimeout(wake, 500));
      const second = await attempt().change('migrate', request);
      expect(second).toMatchObject({ adopted: true, exitCode: 7, tail: expect.stringMatching(/^1$/m) as string });
      expect((await first).tail).toBe(second.tail);
    }
  });
});

/** Long enough for a busy machine: what is waited for comes of itself. */
const patiently = { timeout: 120_000 };

/** The docker client, and its compose. */
const isClient = (command: string) => /^(\S*\/)?docker/.test(command);

/** SIGKILL to those processes of a detached command that are chosen. */
function kill(step: TestStep, name: string, chosen: (command: string) => boolean): void {
  const folder = join(step.folder, 'commands', `start-1-${name}`);
  const [, session = ''] = readFileSync(join(folder, 'process'), 'utf8').split(' ');
  const list = execFileSync('ps', ['-o', 'pid=,args=', '-s', session], { encoding: 'utf8' });
  for (const line of list.split('\n').filter(Boolean)) {
    const [pid = '', ...command] = line.trim().split(/\s+/);
    if (!chosen(command.join(' '))) continue;
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It went with the one before.
    }
  }
}
