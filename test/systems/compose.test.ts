import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readJournal } from '../../src/lib/journal.js';
import { readEvidence } from '../../src/lib/evidence.js';
import { readHistory } from '../../src/lib/history.js';
import type { Status } from '../../src/model.js';
import { describeWithDocker, docker } from '../stack/docker.js';
import { withComposeSystem, type ComposeSystem } from './compose-system.js';
import { approveAll, ending, until } from './stand.js';

/** It changes something, and in 2.0.0 waits until /checks/job-go is there. */
const job = `  job:
    command: [sh, -c, 'echo begun >>/checks/jobs; [ $(cat /srv/VERSION) != 2.0.0 ] || until test -e /checks/job-go; do sleep 0.1; done; cat /srv/VERSION']
    in: app
    changes: true
    within: 2m
    expect: { stdout: "{version}" }
`;

describeWithDocker('a system of docker compose, from its first release to a failed one and back', () => {
  it('is released, its worker killed while a command runs inside, fails, is brought back to the very image, and by hand, too', async () => {
    await withComposeSystem(async (system) => {
      const { go, home } = system;
      const first = await go('deploy', { version: '1.0.0', by: 'bob' });
      expect(first).toMatchObject({ outcome: 'deployed', reason: '' });
      // What would be asked inside has nobody to ask yet.
      expect(readFileSync(join(home, 'runs', first.run ?? '', 'report.md'), 'utf8')).toMatch(/○ \| held .*app does not run yet/);
      expect(await served(system)).toEqual({ version: '1.0.0', token: 'a$b${c}"d' });

      await cancelledInside(system);
      await killedInside(system);
      const last = (await readHistory(home)).at(-1)?.current;
      const before = [await served(system), image(system)];
      expect(before).toEqual([{ version: '2.0.0', token: 'a$b${c}"d' }, last?.images?.app?.id]);

      await portTaken(system);
      expect([await served(system), image(system)]).toEqual(before);

      const failed = await go('deploy', { version: '3.0.0', by: 'bob' });
      expect(failed).toMatchObject({ outcome: 'rolled-back', current: '2.0.0', problem: 'CheckFailed' });
      expect(failed.reason).toContain(`works (systems/${system.name}.yaml:`);
      expect([await served(system), image(system)]).toEqual(before);

      await byHand(system, before);
      expect(await go('rollback', { by: 'bob' })).toMatchObject({ outcome: 'done', current: '1.0.0' });
      expect(await served(system)).toMatchObject({ version: '1.0.0' });
    }, { definition: (yaml) => yaml.replace('  health:', `${job}  health:`) });
  }, 600_000);
});

/** A cancel ends what the docker client's death would leave, in a container that goes on. */
async function cancelledInside({ name, start }: ComposeSystem): Promise<void> {
  const app = `${name}-app-1`;
  const sleeps = () => docker('exec', app, 'sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "').includes('sleep 299');
  docker('exec', app, 'touch', '/checks/hold');
  const handle = await start('deploy', { version: '2.0.0', by: 'bob' });
  await until(async () => sleeps());
  await handle.cancel();
  expect(await ending(handle)).toMatchObject({ failed: true, current: '1.0.0' });
  expect(sleeps()).toBe(false);
  docker('exec', app, 'rm', '/checks/hold');
}

/** A deploy of 2.0.0 whose worker dies during a check inside: what ran there is gone before the next worker checks again. */
async function killedInside(system: ComposeSystem): Promise<void> {
  const handle = await system.start('deploy', { version: '2.0.0', by: 'bob' });
  const ended = approveAll(handle);
  const inside = (...argv: string[]) => docker('exec', `${system.name}-app-1`, ...argv);
  const checks = () => inside('cat', '/checks/pids').split('\n');
  const sleeps = () => inside('sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "').includes('sleep 300');
  await until(async () => checks().length === 2 && sleeps());
  await system.worker.kill();
  // The death of the docker client is none of what it started.
  expect(sleeps()).toBe(true);
  inside('touch', '/checks/go');
  await system.worker.restart();
  // What changes something goes on in there, and is adopted.
  const jobs = () => inside('cat', '/checks/jobs').split('\n');
  await until(async () => jobs().length === 2);
  await system.worker.kill();
  inside('touch', '/checks/job-go');
  await system.worker.restart();
  const { run, ...report } = await ended;
  expect(report).toMatchObject({ outcome: 'deployed', reason: '' });
  expect(sleeps()).toBe(false);
  expect(checks()).toHaveLength(4);
  expect(jobs()).toHaveLength(2);
  const entries = await readEvidence(join(system.home, 'runs', run ?? ''));
  const adopted = entries.filter(({ kind, data }) => kind === 'command' && data.adopted === true);
  expect(adopted.map(({ id }) => id)).toEqual([expect.stringMatching(/-job$/)]);
}

/** Between the stop and the start somebody else takes the published port, and leaves it once the checkout goes back. */
async function portTaken({ directory, url, go }: ComposeSystem): Promise<void> {
  const { port } = new URL(url);
  const hook = join(directory, '.git', 'hooks', 'post-checkout');
  const listens = `python3 -c 'import socket; socket.create_connection(("127.0.0.1", ${port}))' 2>/dev/null`;
  // Of worktrees, too.
  const script = `#!/bin/sh
[ "$PWD" = ${directory} ] || exit 0
if test -e ${hook}.pid; then kill $(cat ${hook}.pid); rm ${hook}.pid; exit; fi
setsid python3 -m http.server --bind 127.0.0.1 ${port} >/dev/null 2>&1 </dev/null &
echo $! >${hook}.pid
until ${listens}; do sleep 0.05; done
`;
  writeFileSync(hook, script, { mode: 0o755 });
  try {
    const refused = await go('deploy', { version: '3.0.0', by: 'bob' });
    expect(refused).toMatchObject({ outcome: 'rolled-back', current: '2.0.0', problem: 'NotStarted' });
    expect(refused.reason).toMatch(new RegExp(`nothing was started, since the port is taken: port ${port}: python3 \\(pid \\d+\\): end it`));
  } finally {
    if (existsSync(`${hook}.pid`)) process.kill(Number(readFileSync(`${hook}.pid`, 'utf8')), 'SIGKILL');
    rmSync(hook);
  }
}

/** A release whose worker and workflow are gone once it serves: the block of undo.md takes it back from the shell alone, twice. */
async function byHand(system: ComposeSystem, before: unknown[]): Promise<void> {
  const { home, name, worker, start } = system;
  // Else the check that 3.0.0 fails could end the phase before the worker is gone.
  docker('exec', `${name}-app-1`, 'rm', '/checks/go');
  const handle = await start('deploy', { version: '3.0.0', by: 'bob' });
  void approveAll(handle).catch(() => undefined);
  await until(async () => (await handle.query<Status>('status')).phase === 'verify');
  await worker.kill();
  await handle.terminate('Temporal is gone');
  expect(await served(system)).toMatchObject({ version: '3.0.0' });
  const { run = '' } = (await readJournal(home)) ?? {};
  const [, block = ''] = /```sh\n([\s\S]*?)\n```/.exec(readFileSync(join(home, 'runs', run, 'undo.md'), 'utf8')) ?? [];
  for (let time = 1; time <= 2; time++) {
    execFileSync('sh', ['-c', block], { cwd: '/', env: { PATH: process.env.PATH, HOME: process.env.HOME }, stdio: 'ignore' });
    expect([await served(system), image(system)]).toEqual(before);
  }
  renameSync(join(home, 'journal.json'), join(home, 'journal.closed.json'));
  await worker.restart();
}

function image({ name }: ComposeSystem): string {
  return docker('inspect', '--format', '{{.Image}}', `${name}-app-1`);
}

/** Through the proxy, which may still be starting. */
function served({ url }: ComposeSystem): Promise<unknown> {
  return until(async () => {
    const answer = await fetch(url, { headers: { connection: 'close' } });
    return answer.ok && ((await answer.json()));
  });
}
