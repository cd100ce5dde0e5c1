import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runtime } from '../../../src/activities/runtime/lookup.js';
import type { CommandRequest } from '../../../src/activities/context.js';
import { compiled } from '../../stack/compiled.js';
import { describeWithDocker, docker } from '../../stack/docker.js';
import { makeComposeStand, type ComposeStand } from './compose-stand.js';

const patiently = { timeout: 120_000 };

describeWithDocker('a command inside a service whose worker is killed', () => {
  let stand: ComposeStand;
  beforeEach(async () => void (stand = await makeComposeStand()));
  afterEach(() => stand.remove());

  const web = () => `${stand.project}-web-1`;
  const inside = () => docker('exec', web(), 'sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "');
  const apart = () =>
    docker('ps', '--all', '--format', '{{.Names}}', '--filter', `label=com.docker.compose.project=${stand.project}`);
  const serve = async () =>
    void (await runtime(stand.step().definition).start(stand.step({ step: 'reopen' }), release));
  const release = { version: '2.0.0', sha: '0'.repeat(40) };

  /** SIGKILL to a worker once `begun` shows that its command is at work. */
  const killedAt = async (name: string, request: CommandRequest, begun: () => boolean) => {
    const { definition, folder, home } = stand.step();
    const program = await compiled(new URL('inside-process.ts', import.meta.url));
    const options = JSON.stringify({ definition, folder, home, at: { step: 'start' } });
    const worker = spawn(process.execPath, [program, options, name, JSON.stringify(request)], { stdio: 'inherit' });
    await expect.poll(begun, patiently).toBe(true);
    worker.kill('SIGKILL');
    await once(worker, 'exit');
  };

  it('goes on there, and is adopted with its exit code; paused it is ended at its deadline', async () => {
    await serve();
    const argv = [
      'sh',
      '-c',
      'echo begun >>/tmp/ledger; until test -e /tmp/go; do sleep 0.1; done; wc -l </tmp/ledger; exit 7',
    ];
    const request = { in: 'web', argv, ok: [7] };
    await killedAt('job', request, () => inside().includes('/tmp/ledger; until'));
    const paused = { in: 'web', argv: ['sh', '-c', 'sleep 981 & sleep 982'], deadlineMs: 6_000 };
    await killedAt('paused', paused, () => inside().includes('sleep 982'));
    // All of it, the `timeout` that would hold the deadline in there, too.
    const stop =
      'for process in /proc/[0-9]*; do grep -q SLIPWAY_COMMAND=.*-paused $process/environ && kill -s STOP ${process#/proc/}; done';
    docker('exec', web(), 'sh', '-c', `${stop}; touch /tmp/go`);
    expect(await stand.step().change('job', request)).toMatchObject({
      ...{ adopted: true, exitCode: 7 },
      tail: expect.stringMatching(/^1$/m) as string,
    });
    await expect(stand.step().change('paused', paused)).rejects.toMatchObject({ type: 'Timeout' });
    expect(inside()).not.toMatch(/sleep 98[12]/);
  }, 240_000);

  it('in a container of its own ends with it at its deadline, where no worker comes back', async () => {
    const late = { in: 'web', argv: ['sleep', '983'], deadlineMs: 4_000 };
    await killedAt('late', late, () => apart().includes('late'));
    await expect.poll(apart, patiently).toBe('');
    await expect(stand.step().change('late', late)).rejects.toMatchObject({ type: 'Timeout' });
  }, 240_000);
});
