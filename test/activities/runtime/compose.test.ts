import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openPorts } from '../../../src/activities/runtime/listeners.js';
import { runtime } from '../../../src/activities/runtime/lookup.js';
import { describeWithDocker, docker } from '../../stack/docker.js';
import type { TestStep } from '../step-context.js';
import { makeComposeStand, type ComposeStand } from './compose-stand.js';

const release = { version: '2.0.0', sha: '0'.repeat(40) };
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
  const failing = (type: string, message: string | RegExp) =>
    expect.objectContaining({
      type,
      message:
        typeof message === 'string'
          ? (expect.stringContaining(message) as string)
          : (expect.stringMatching(message) as string),
    }) as Error;

  it('start as new containers, with what they need and no release touches, and stop with closed ports', async () => {
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
    await start(stand.step({ try: 2 }));
    expect(ids('web')).not.toBe(web);
    expect(ids('db')).toBe(db);
  });

  it('leave a service alone that is none of the release’s, though its configuration drifted', async () => {
    await start(stand.step());
    const db = ids('db');
    stand.compose({ more: '    environment: { DRIFTED: "1" }' });
    await start(stand.step({ try: 2 }));
    expect(ids('db')).toBe(db);
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
    const ugly = { A: '$HOME', B: '$$x', C: '${C}', D: 'a$b$', E: 'q"\'`', F: '#x y', G: '\\n$1', H: '%s&;|<>*?' };
    const env = Object.fromEntries(Object.entries(ugly).map(([name, value]) => [`SECRET_${name}`, value]));
    writeFileSync(
      join(stand.directory, '.env'),
      Object.entries(env)
        .map(([name, value]) =>
          value.includes("'")
            ? `${name}=${JSON.stringify(value).replaceAll('\\"', '"').replace(/^"|"$/g, '')}\n`
            : `${name}='${value}'\n`,
        )
        .join(''),
    );
    const step = stand.step();
    stand.compose({
      web: `    environment: { ${Object.keys(env)
        .map((name) => `${name}: "\${${name}}"`)
        .join(', ')} }`,
    });
    await start(step);
    const seen = (await (await fetch(`http://127.0.0.1:${stand.port}/`)).json()) as Record<string, string>;
    for (const name of Object.keys(env)) expect(seen[name], name).toBe(step.env.get(name)?.reveal());
    stand.compose({ web: `    environment: { TOKEN: "\${NOT_SET}" }` });
    const checks = await runtime(step.definition).preflight(stand.step());
    expect(checks.find(({ name }) => name === 'variables-set')).toMatchObject({
      outcome: 'fail',
      seen: expect.stringContaining('NOT_SET') as string,
    });
    await expect(start(stand.step({ try: 2 }))).rejects.toEqual(failing('NotStarted', 'NOT_SET'));
  });

  it('get the grace of the compose file to stop, and little of it when going back', async () => {
    stand.compose({ web: `    environment: { SLOW: "60" }` });
    await start(stand.step());
    const began = Date.now();
    expect(await stop(stand.step({ step: 'start', undo: true }))).toMatchObject({ data: { graceSeconds: 5 } });
    expect(Date.now() - began).toBeLessThan(25_000);
  });

  it('do not come back with the engine while they are stopped', async () => {
    stand.compose({ web: '    restart: always' });
    await start(stand.step());
    await stop(stand.step({ step: 'stop' }));
    expect(docker('inspect', '--format', '{{.HostConfig.RestartPolicy.Name}}', ids('web'))).toBe('unless-stopped');
    await start(stand.step({ try: 2 }));
    expect(docker('inspect', '--format', '{{.HostConfig.RestartPolicy.Name}}', ids('web'))).toBe('always');
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
    writeFileSync(
      join(stand.directory, 'compose.yaml'),
      `services: { web: { image: "no-such-image:1", pull_policy: never } }`,
    );
    await expect(start(stand.step())).rejects.toEqual(failing('CommandFailed', 'no-such-image'));
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
    expect(docker('ps', '--all', '--quiet', '--filter', `name=slipway-${step.run.id.toLowerCase()}`)).toBe('');
  });

  it('is gone with all it started once it is ended, though the docker client’s death leaves it', async () => {
    const step = stand.step();
    await start(step);
    const argv = ['sh', '-c', 'sleep 987 & sleep 986'];
    await expect(step.change('long', { in: 'web', argv, deadlineMs: 1_500 })).rejects.toMatchObject({
      type: 'Timeout',
    });
    const left = docker('exec', `${stand.project}-web-1`, 'sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "');
    expect(left).not.toMatch(/sleep 98[67]/);
  });
});
