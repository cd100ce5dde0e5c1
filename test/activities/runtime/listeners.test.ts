import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listenersOn } from '../../../src/activities/runtime/listeners.js';
import { runtime } from '../../../src/activities/runtime/lookup.js';
import type { CommandResult } from '../../../src/lib/command.js';
import { makeService, type Service } from './service.js';

/** Without entries: the worker's user, the application's, and somebody else. */
const [worker, application, other] = [64_001, 64_002, 64_003] as const;
const idle = 'setInterval(() => {}, 1000)';

let service: Service;
const started: ChildProcess[] = [];
beforeEach(async () => {
  service = await makeService();
  execFileSync('chmod', ['a+rwx', service.directory]);
});
afterEach(async () => {
  for (const child of started.splice(0)) if (child.kill('SIGKILL')) await once(child, 'exit');
  await service.remove();
});

describe.runIf(process.getuid?.() === 0)('a listener of another user, for a worker that is not root', () => {
  it('is told by all processes of that user, and by none where it is root’s', async () => {
    const one = await asUser(application, listenOn(service.port));
    const beside = await asUser(application, idle);
    await asUser(other, idle);
    await asUser(0, listenOn(service.publicPort));
    expect((await listenersOn([service.port])).map(({ pid }) => pid)).toEqual([one.pid]);
    const pids = (await unprivileged(() => listenersOn([service.port]))).map(({ pid }) => pid);
    expect(new Set(pids)).toEqual(new Set([one.pid, beside.pid]));
    const [hidden, ...more] = await unprivileged(() => listenersOn([service.publicPort]));
    expect([hidden?.pid, hidden?.program, more]).toEqual([undefined, 'a process that this user cannot see', []]);
  });

  it('proves a start where every process of that user is younger', async () => {
    await asUser(0, whenAsked(`require('node:child_process').spawn('node', ['server.cjs', 'serve', '${service.port}'], { uid: ${application}, stdio: 'ignore' })`)); // prettier-ignore
    expect(await start()).toMatch(new RegExp(`^port ${service.port}: node \\(pid \\d+\\)$`));
  });

  it('proves none where it was there before and listens only now, or where it cannot be told', async () => {
    const old = await asUser(application, whenAsked(listenOn(service.port)));
    expect(await start()).toContain(`node (pid ${old.pid}) began before this start`);
    rmSync(join(service.directory, 'go'));
    old.kill('SIGKILL');
    await once(old, 'exit');
    await asUser(0, whenAsked(listenOn(service.port)));
    expect(await start(2)).toMatch(
      /cannot see, so nobody can tell whether it began with this start: run the worker as/,
    );
  });

  it('of root’s is NO-GO before anything stops', async () => {
    await asUser(0, listenOn(service.port));
    const seen = async () => {
      const results = await runtime(service.step().definition).preflight(service.step());
      return results.filter(({ name }) => name === 'listeners').map(({ outcome, seen }) => `${outcome}: ${seen}`);
    };
    expect(await seen()).toEqual([]);
    expect(await unprivileged(seen)).toEqual([
      expect.stringMatching(/^fail: .*cannot see: run the worker as its user/),
    ]);
  });
});

/** Once it runs, it says so. */
async function asUser(uid: number, code: string): Promise<ChildProcess> {
  const options = {
    uid,
    cwd: service.directory,
    stdio: ['ignore', 'pipe', 'inherit'] as ['ignore', 'pipe', 'inherit'],
  };
  const child = spawn(process.execPath, ['-e', `${code}; console.log('up')`], options);
  started.push(child);
  await once(child.stdout, 'data');
  return child;
}

function listenOn(port: number): string {
  return `require('node:net').createServer().listen(${port}, '127.0.0.1')`;
}

function whenAsked(code: string): string {
  return `const timer = setInterval(() => { if (require('node:fs').existsSync('go')) { clearInterval(timer); ${code}; setInterval(() => {}, 1000); } }, 10)`;
}

/** What a start by that worker tells; it asks those who wait, by no command: a child would be root again. */
async function start(time = 1): Promise<string | undefined> {
  const step = service.step({ timeoutMs: 5_000 }, { at: { try: time } });
  execFileSync('chmod', ['-R', 'a+rwX', service.directory]);
  const change = async () => {
    writeFileSync(join(service.directory, 'go'), '');
    return { tail: '' } as CommandResult;
  };
  const release = { version: '2.0.0', sha: '0'.repeat(40) };
  const ended = unprivileged(() => runtime(step.definition).start({ ...step, change }, release));
  return ended.then(({ note }) => note, (error: Error) => error.message); // prettier-ignore
}

/** As a worker that is not root: whose another user's sockets are is hidden from it. */
async function unprivileged<T>(act: () => Promise<T>): Promise<T> {
  process.seteuid!(worker);
  try {
    return await act();
  } finally {
    process.seteuid!(0);
  }
}
