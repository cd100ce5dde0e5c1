import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openPorts } from '../../../src/activities/runtime/listeners.js';
import { runtime } from '../../../src/activities/runtime/lookup.js';
import { describeWithDocker, docker } from '../../stack/docker.js';
import type { TestStep } from '../step-context.js';
import { makeContainerStand, type ContainerStand } from './container-stand.js';

const release = { version: '2.0.0', sha: '0'.repeat(40) };
const start = (step: TestStep) => runtime(step.definition).start(step, release);
const stop = (step: TestStep) => runtime(step.definition).stop(step);
const refused = (type: string, message: RegExp) =>
  expect.objectContaining({ type, message: expect.stringMatching(message) as string }) as Error;

describeWithDocker('one container that scripts run', () => {
  let stand: ContainerStand;
  beforeEach(async () => void (stand = await makeContainerStand()));
  afterEach(() => stand.remove());
  const starts = () =>
    docker('run', '--rm', '--volume', `${stand.name}:/data`, '--entrypoint', 'cat', `${stand.name}:1`, '/data/starts');

  it('stops with closed ports, even where its restart policy would bring it back, and starts as a new one', async () => {
    const first = await start(stand.step());
    expect(await openPorts([stand.port])).toEqual([stand.port]);
    // A second attempt of the same step adopts what the first one did.
    expect((await start(stand.step())).data).toEqual(first.data);
    await expect(start(stand.step({ step: 'reopen' }))).rejects.toEqual(
      refused('NotStarted', /runs already, so its start script would do nothing/),
    );
    docker('update', '--restart', 'always', stand.name);
    stand.script('stop', `docker stop ${stand.name}`);
    expect(await stop(stand.step({ step: 'stop' }))).toMatchObject({ data: { ports: [stand.port] } });
    expect(docker('inspect', '--format', '{{.State.Running}} {{.HostConfig.RestartPolicy.Name}}', stand.name)).toBe(
      'false unless-stopped',
    );
    expect(await openPorts([stand.port])).toEqual([]);
    expect((await start(stand.step({ try: 2 }))).data).not.toEqual(first.data);
  });

  it('is not believed to stop or to start by a script that does nothing and says that all is well', async () => {
    await start(stand.step());
    stand.script('stop', 'echo stopped');
    await expect(stop(stand.step({ step: 'stop' }))).rejects.toEqual(
      refused('NotStopped', /still runs after sh stop.sh/),
    );
    stand.script('start', 'echo started');
    docker('stop', stand.name);
    await expect(start(stand.step({ try: 2 }))).rejects.toEqual(
      refused('NotStarted', /is the container of before, which sh start.sh did not start/),
    );
    docker('rm', stand.name);
    await expect(start(stand.step({ try: 3 }))).rejects.toEqual(refused('NotStarted', /there is no container/));
  });

  it('is found dead a second after its script was content, with its last lines, whatever its exit code', async () => {
    for (const [attempt, code] of [
      [1, 7],
      [2, 0],
    ] as const) {
      writeFileSync(join(stand.directory, '.env'), `DIES=${code}\n`);
      await expect(start(stand.step({ try: attempt }, { observeMs: 2_500 }))).rejects.toEqual(
        refused('NotStarted', new RegExp(`exit code ${code}; its last lines: .*no room left`)),
      );
    }
  });

  it('is refused before anything is touched where somebody else holds its port', async () => {
    const other = spawn('python3', ['-m', 'http.server', '--bind', '127.0.0.1', String(stand.port)], {
      stdio: 'ignore',
    });
    try {
      await expect.poll(() => openPorts([stand.port]), { timeout: 10_000 }).toEqual([stand.port]);
      const checks = await runtime(stand.step().definition).preflight(stand.step());
      expect(checks.find(({ name }) => name === 'ports')).toMatchObject({
        outcome: 'fail',
        seen: `port ${stand.port}: python3 (pid ${other.pid})`,
      });
      await expect(start(stand.step())).rejects.toEqual(
        refused('NotStarted', /nothing was started, since the port is taken: .*python3/),
      );
      expect(docker('ps', '--all', '--quiet', '--filter', `name=${stand.name}`)).toBe('');
    } finally {
      other.kill();
      await once(other, 'exit');
    }
  });

  it('runs commands inside; once it is stopped and removed in one of its own, with its image and volume, not its entrypoint', async () => {
    await start(stand.step());
    const argv = ['sh', '-c', 'cat /data/starts; printf %s "$TOKEN"'];
    expect((await stand.step().read({ in: stand.name, argv })).stdout).toBe('started\na$b"c');
    // A release's own sees the volume also while another one runs.
    expect((await stand.step().read({ in: stand.name, of: release, argv })).stdout).toBe('started\na$b"c');
    await stop(stand.step({ step: 'stop' }));
    expect(docker('ps', '--all', '--quiet', '--filter', `name=${stand.name}`)).toBe('');
    const apart = stand.step({ step: 'migrate' });
    expect((await apart.read({ in: stand.name, argv })).stdout).toBe('started\na$b"c');
    expect((await apart.read({ in: stand.name, argv: ['cat'], input: 'by standard input' })).stdout).toBe(
      'by standard input',
    );
    await apart.change('migrate', { in: stand.name, argv: ['sh', '-c', 'echo migrated >>/data/starts'] });
    expect(starts()).toBe('started\nmigrated');
    await expect(
      apart.change('long', {
        in: stand.name,
        argv: ['sh', '-c', 'trap "exit 9" TERM; sleep 987 & wait'],
        deadlineMs: 1_500,
      }),
    ).rejects.toMatchObject({ type: 'Timeout' });
    expect(docker('ps', '--all', '--quiet', '--filter', 'name=slipway-20260105t120000z-abc123-migrate-1-long')).toBe(
      '',
    );
  });
});
