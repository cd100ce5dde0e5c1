import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { asOnlyAttempt } from '../../src/lib/attempts.js';
import { childrenOf } from '../faults/at-work.js';
import { otherProcess, pidIn, runs, temporaryFolder, until } from './support.js';

/** Attempt 1 in a process of its own, which runs a command that would write for ever; resolves once that writes. */
async function attemptElsewhere(folder: string, script: string): Promise<{ worker: number; child: number }> {
  const runAttached = new URL('../../src/lib/command.ts', import.meta.url).href;
  const spec = `{ argv: ['sh', '-c', args[1]], cwd: args[0], env: { PATH: process.env.PATH }, deadlineMs: 60_000, redactor: new Redactor([]) }`;
  const worker = otherProcess(
    'attempts.ts',
    `const { runAttached } = await import('${runAttached}');
     setInterval(() => {}, 1000);
     void runAttached({ argv: ['sleep', '60'], cwd: args[0], env: { PATH: process.env.PATH }, deadlineMs: 60_000, redactor: new Redactor([]) });
     await lib.asOnlyAttempt(args[0] + '/act', 1, () => runAttached(${spec})).catch(() => undefined);`,
    folder,
    script,
  );
  const child = await until(() => pidIn(join(folder, 'pid')));
  return { worker: worker.pid ?? 0, child };
}

describe('of two attempts at one act', () => {
  it('the earlier one, paused by SIGSTOP, is killed with all that it ran, before the later one begins', async () => {
    const folder = temporaryFolder();
    const { worker, child } = await attemptElsewhere(
      folder,
      'echo $$ >pid; while :; do echo more >>ledger; sleep 0.01; done',
    );
    process.kill(worker, 'SIGSTOP');
    const seen = await asOnlyAttempt(join(folder, 'act'), 2, async () => [runs(worker), runs(child)]);
    expect(seen).toEqual([false, false]);
  });

  it('the earlier one, which still runs, is given time to leave by itself, and its worker goes on with all else', async () => {
    const folder = temporaryFolder();
    const { worker } = await attemptElsewhere(
      folder,
      'echo $$ >pid; while ! test -e go; do sleep 0.01; done; touch done',
    );
    const later = asOnlyAttempt(join(folder, 'act'), 2, async () => readFileSync(join(folder, 'done'), 'utf8'));
    writeFileSync(join(folder, 'go'), '');
    expect(await later).toBe('');
    expect(runs(worker)).toBe(true);
    expect(childrenOf(worker).attached).not.toEqual([]);
  });

  it('the earlier one, paused before it began, never begins after the later one did', async () => {
    const folder = join(temporaryFolder(), 'act');
    const done: number[] = [];
    await asOnlyAttempt(folder, 2, async () => void done.push(2));
    const first = asOnlyAttempt(folder, 1, async () => void done.push(1));
    await expect(first).rejects.toMatchObject({ type: 'WorkerLeft', nonRetryable: false });
    expect(done).toEqual([2]);
  });

  it('of one process, the later one waits for the earlier one', async () => {
    const folder = join(temporaryFolder(), 'act');
    const done: number[] = [];
    let finish: (() => void) | undefined;
    const held = () => new Promise<void>((end) => (finish = end)).then(() => void done.push(1));
    const first = asOnlyAttempt(folder, 1, held);
    await until(() => finish);
    const second = asOnlyAttempt(folder, 2, async () => void done.push(2));
    await new Promise((wake) => setTimeout(wake, 100));
    expect(done).toEqual([]);
    finish?.();
    await Promise.all([first, second]);
    expect(done).toEqual([1, 2]);
  });
});
