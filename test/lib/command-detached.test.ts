import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runDetached } from '../../src/lib/command.js';
import { commandIn, killHard, otherProcess, pidIn, runs, temporaryFolder, until } from './support.js';

/** Runs until the file `go` appears, and leaves a line for each time it was begun. */
const untilTold =
  'echo $$ >>runs; echo $$ >pid; until [ -e go ]; do sleep 0.02; done; echo "did correct-horse"; exit 5';

function times(folder: string): number {
  return readFileSync(join(folder, 'runs'), 'utf8').trim().split('\n').length;
}

describe('runDetached', () => {
  it('runs a command, and keeps a redacted log of all its output', async () => {
    const folder = temporaryFolder();
    const record = join(folder, 'new', 'command');
    const result = await runDetached(record, commandIn(folder, 'echo out correct-horse; echo error >&2; exit 3'));
    expect(result).toMatchObject({ exitCode: 3, timedOut: false, cancelled: false, adopted: false });
    expect(result.tail).toBe('out [redacted]\nerror\n');
    const log = readFileSync(join(record, 'output.log'));
    expect(result.log).toEqual({
      path: join(record, 'output.log'),
      bytes: log.length,
      sha256: createHash('sha256').update(log).digest('hex'),
    });
    expect(statSync(join(record, 'output.log')).mode & 0o777).toBe(0o600);
    expect(readdirSync(record).sort()).toEqual(['claim', 'exit', 'output.log', 'process']);
  });

  it('does not run again what has run, but tells how it ended', async () => {
    const folder = temporaryFolder();
    const record = join(folder, 'command');
    const spec = commandIn(folder, 'echo x >>runs; echo done; exit 4');
    const first = await runDetached(record, spec);
    expect(await runDetached(record, spec)).toEqual({ ...first, adopted: true });
    expect(times(folder)).toBe(1);
  });

  it('lets the command outlive a worker killed by SIGKILL, and its successor adopt it', async () => {
    const folder = temporaryFolder();
    const record = join(folder, 'command');
    const worker = otherProcess(
      'command.ts',
      `await lib.runDetached(args[1], { argv: ['sh', '-c', args[2]], cwd: args[0], env: process.env, deadlineMs: 60000, redactor: new Redactor([]) });`,
      folder,
      record,
      untilTold,
    );
    const pid = await until(() => pidIn(join(folder, 'pid')));
    await killHard(worker);
    expect(runs(pid)).toBe(true);
    const adopted = runDetached(record, commandIn(folder, untilTold));
    writeFileSync(join(folder, 'go'), '');
    expect(await adopted).toMatchObject({ exitCode: 5, adopted: true, tail: 'did [redacted]\n' });
    expect(times(folder)).toBe(1);
  });

  it('runs the command once for two calls at the same moment', async () => {
    const folder = temporaryFolder();
    const spec = commandIn(folder, 'echo x >>runs; sleep 0.2; exit 6');
    const results = await Promise.all([1, 2, 3].map(() => runDetached(join(folder, 'command'), spec)));
    expect(results.map(({ exitCode }) => exitCode)).toEqual([6, 6, 6]);
    expect(results.filter(({ adopted }) => !adopted)).toHaveLength(1);
    expect(times(folder)).toBe(1);
  });

  it('leaves the command running when the worker has to go', async () => {
    const folder = temporaryFolder();
    const record = join(folder, 'command');
    const leave = new AbortController();
    const left = runDetached(record, commandIn(folder, untilTold), { detach: leave.signal });
    const pid = await until(() => pidIn(join(folder, 'pid')));
    leave.abort();
    await expect(left).rejects.toMatchObject({ type: 'WorkerLeft', nonRetryable: false });
    expect(runs(pid)).toBe(true);
    writeFileSync(join(folder, 'go'), '');
    expect(await runDetached(record, commandIn(folder, untilTold))).toMatchObject({ exitCode: 5, adopted: true });
  });

  it('starts nothing for a worker that is already going', async () => {
    const folder = temporaryFolder();
    const spec = commandIn(folder, 'touch started');
    const aborted = AbortSignal.abort();
    await expect(runDetached(join(folder, 'a'), spec, { detach: aborted })).rejects.toMatchObject({
      type: 'WorkerLeft',
    });
    expect(await runDetached(join(folder, 'a'), spec, { signal: aborted })).toMatchObject({ cancelled: true });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('kills all of a cancelled command, confirmed, also one that was adopted', async () => {
    const folder = temporaryFolder();
    const record = join(folder, 'command');
    const spec = commandIn(folder, 'sleep 60 & echo $! >sleep.pid; echo $$ >pid; wait');
    const leave = new AbortController();
    const left = runDetached(record, spec, { detach: leave.signal }).catch(() => undefined);
    const shell = await until(() => pidIn(join(folder, 'pid')));
    const sleep = pidIn(join(folder, 'sleep.pid')) ?? 0;
    leave.abort();
    await left;
    const cancelled = await runDetached(record, spec, { signal: AbortSignal.abort() });
    expect(cancelled).toMatchObject({ cancelled: true, exitCode: null, timedOut: false, adopted: true });
    expect([runs(shell), runs(sleep)]).toEqual([false, false]);
    expect(await runDetached(record, spec)).toMatchObject({ cancelled: true, adopted: true });
  });

  it('ends a command at its deadline, without a worker if need be', async () => {
    const folder = temporaryFolder();
    const spec = commandIn(folder, 'echo $$ >pid; exec sleep 60', { deadlineMs: 400 });
    expect(await runDetached(join(folder, 'command'), spec)).toMatchObject({ timedOut: true, exitCode: null });
    expect(runs(pidIn(join(folder, 'pid')) ?? 0)).toBe(false);
  });

  it('takes an early exit code 124 for what it is', async () => {
    const folder = temporaryFolder();
    expect(await runDetached(join(folder, 'command'), commandIn(folder, 'exit 124'))).toMatchObject({
      timedOut: false,
      exitCode: 124,
    });
  });

  it('ends with the command, though it left a daemon behind', async () => {
    const folder = temporaryFolder();
    const script = 'setsid sh -c "echo \\$\\$ >daemon.pid; exec sleep 60" & until [ -s daemon.pid ]; do :; done';
    const result = await runDetached(join(folder, 'command'), commandIn(folder, script));
    const daemon = pidIn(join(folder, 'daemon.pid')) ?? 0;
    expect([result.exitCode, runs(daemon)]).toEqual([0, true]);
    process.kill(daemon, 'SIGKILL');
  });

  it('says that the outcome is unknown when the process is gone without an exit code', async () => {
    const folder = temporaryFolder();
    const record = join(folder, 'command');
    const running = runDetached(record, commandIn(folder, untilTold));
    const failure = expect(running).rejects.toMatchObject({
      type: 'OutcomeUnknown',
      message: expect.stringContaining(record) as string,
    });
    const shell = await until(() => pidIn(join(folder, 'pid')));
    process.kill(Number(readFileSync(join(record, 'process'), 'utf8').split(' ')[1]), 'SIGKILL');
    await failure;
    await expect(runDetached(record, commandIn(folder, untilTold))).rejects.toMatchObject({ type: 'OutcomeUnknown' });
    expect(times(folder)).toBe(1);
    process.kill(shell, 'SIGKILL');
  });

  it.each([
    ['before another boot', (own: string[]) => ['00000000-0000-0000-0000-000000000000', own[1], own[2]]],
    ['whose pid is another process now', (own: string[]) => [own[0], String(process.pid), '1']],
  ])('does not take for alive a command started %s', async (_, change) => {
    const folder = temporaryFolder();
    const record = join(folder, 'command');
    const spec = commandIn(folder, 'echo x >>runs');
    await runDetached(record, spec);
    rmSync(join(record, 'exit'));
    writeFileSync(
      join(record, 'process'),
      change(readFileSync(join(record, 'process'), 'utf8').trim().split(' ')).join(' '),
    );
    await expect(runDetached(record, spec)).rejects.toMatchObject({ type: 'OutcomeUnknown' });
    expect(times(folder)).toBe(1);
  });

  it('does not run a command that was claimed but never recorded', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'command', 'claim'), { recursive: true });
    await expect(runDetached(join(folder, 'command'), commandIn(folder, 'touch started'))).rejects.toMatchObject({
      type: 'OutcomeUnknown',
    });
    expect(existsSync(join(folder, 'started'))).toBe(false);
  });

  it('finishes the log of a call that died before it could', async () => {
    const folder = temporaryFolder();
    const record = join(folder, 'command');
    const spec = commandIn(folder, 'echo x');
    await runDetached(record, spec);
    rmSync(join(record, 'output.log'));
    writeFileSync(join(record, 'output.raw'), 'late correct-horse');
    expect(await runDetached(record, spec)).toMatchObject({ tail: 'late [redacted]', adopted: true });
    expect(existsSync(join(record, 'output.raw'))).toBe(false);
  });

  it('shows the last line while the command runs, redacted', async () => {
    const folder = temporaryFolder();
    const lines: string[] = [];
    const script = 'echo first correct-horse; until [ -e go ]; do sleep 0.02; done; echo last';
    const running = runDetached(join(folder, 'command'), commandIn(folder, script), {
      onLine: (line) => lines.push(line),
    });
    await until(() => lines.includes('first [redacted]'));
    writeFileSync(join(folder, 'go'), '');
    await running;
    expect(lines).toEqual(['first [redacted]', 'last']);
  });

  it('gives the command an empty standard input and no terminal, in a session of its own', async () => {
    const folder = temporaryFolder();
    const session = 'cut -d" " -f6 /proc/$$/stat';
    const script = `cat; [ -t 0 ] || echo no; (: </dev/tty) 2>/dev/null || echo none; ${session}`;
    const spec = commandIn(folder, script, { deadlineMs: 10_000 });
    const [input, terminal, own] = (await runDetached(join(folder, 'command'), spec)).tail.trim().split('\n');
    expect([input, terminal]).toEqual(['no', 'none']);
    // This process may have a terminal, which its session would share.
    expect(own).toMatch(/^\d+$/);
    expect(own).not.toBe(execFileSync('sh', ['-c', session], { encoding: 'utf8' }).trim());
  });

  it("gives the command its environment and the worker's file mode mask, and puts no secret on a command line", async () => {
    const folder = temporaryFolder();
    const spec = commandIn(folder, 'umask; echo $folder; tr "\\0" " " </proc/$PPID/cmdline', {
      env: { PASSWORD: 'correct-horse', folder: 'mine' },
    });
    const { tail } = await runDetached(join(folder, 'command'), { ...spec });
    expect(tail.split('\n').slice(0, 2)).toEqual([process.umask().toString(8).padStart(4, '0'), 'mine']);
    expect(tail).toContain('timeout');
    expect(tail).not.toContain('[redacted]');
  });

  it('refuses a program that is not there before anything is claimed', async () => {
    const folder = temporaryFolder();
    const spec = { ...commandIn(folder, ''), argv: ['no-such-program'] };
    await expect(runDetached(join(folder, 'command'), spec)).rejects.toMatchObject({ type: 'ToolMissing' });
    expect(readdirSync(folder)).toEqual([]);
  });
});
