import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runAttached } from '../../src/lib/command.js';
import { commandIn, killHard, otherProcess, pidIn, runs, temporaryFolder, until } from './support.js';

describe('runAttached', () => {
  it('tells exit code, both streams and standard output without secrets, however they are split', async () => {
    const folder = temporaryFolder();
    const lines: string[] = [];
    const script = 'printf "a correct-"; sleep 0.1; echo horse b; echo correct-horse >&2; exit 7';
    const result = await runAttached(commandIn(folder, script), { onLine: (line) => lines.push(line) });
    expect(result).toMatchObject({ exitCode: 7, signal: null, timedOut: false, cancelled: false, adopted: false });
    expect(result.stdout).toBe('a [redacted] b\n');
    expect(lines.sort()).toEqual(['[redacted]', 'a [redacted] b']);
    expect(JSON.stringify(result)).not.toContain('correct-horse');
  });

  it('gives the child just the environment of the specification and a mark of its own, and an empty standard input', async () => {
    const result = await runAttached({
      ...commandIn(temporaryFolder(), '', { env: { A: '1' } }),
      argv: ['sh', '-c', 'cat; /usr/bin/env'],
    });
    expect(result.stdout?.split('\n').filter((line) => !/^(PATH|PWD|OLDPWD|_|SLIPWAY_ATTACHED)=/.test(line))).toEqual([
      'A=1',
      '',
    ]);
  });

  it('writes the input, also where the command does not read it', async () => {
    const folder = temporaryFolder();
    expect((await runAttached(commandIn(folder, 'cat', { input: 'ä\n' }))).stdout).toBe('ä\n');
    expect((await runAttached(commandIn(folder, 'exit 0', { input: 'x'.repeat(1 << 20) }))).exitCode).toBe(0);
  });

  it('reads a file and writes into one, byte by byte, with errors kept apart', async () => {
    const folder = temporaryFolder();
    const [inputFile, outputFile] = [join(folder, 'in'), join(folder, 'out')];
    const bytes = Buffer.concat([Buffer.alloc(5_000_000, 0xff), Buffer.from('a correct-horse')]);
    writeFileSync(inputFile, bytes);
    const result = await runAttached({ ...commandIn(folder, 'cat; echo done >&2'), inputFile, outputFile });
    expect(result).toMatchObject({ exitCode: 0, stdout: '', tail: 'done\n' });
    expect(readFileSync(outputFile).equals(bytes)).toBe(true);
  });

  it('packs what is written, and fails where the command does, the disk is full, or what was packed does not unpack', async () => {
    const folder = temporaryFolder();
    const outputFile = join(folder, 'out');
    const packed = async (script: string, outputThrough = 'zstd', file = outputFile) =>
      (await runAttached({ ...commandIn(folder, script), outputFile: file, outputThrough })).exitCode;
    expect(await packed('printf content')).toBe(0);
    expect((await runAttached(commandIn(folder, `zstd -dc ${outputFile}`))).stdout).toBe('content');
    expect(await packed('printf content; exit 3')).toBe(3);
    expect(await packed('printf content', 'zstd', '/dev/full')).toBe(1);
    const careless = join(folder, 'careless');
    writeFileSync(careless, '#!/bin/sh\nif [ "$2" = -1 ]; then zstd -q -c | head -c -1; else exec zstd "$@"; fi\n', {
      mode: 0o700,
    });
    expect(await packed('printf content', careless)).toBe(1);
  });

  it('keeps the last 8 KiB of output, and at most 4 MiB of standard output, without a piece of a secret at the cuts', async () => {
    const script = 'yes correct-horse | head -n 430000; echo the end >&2';
    const result = await runAttached(commandIn(temporaryFolder(), script));
    expect(result.stdout?.length).toBeGreaterThan(3_000_000);
    expect(result.stdout?.length).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(result.truncated).toBe(true);
    expect(result.tail.length).toBeLessThanOrEqual(8192);
    expect(result.tail).toContain('[redacted]');
    expect(`${result.stdout}${result.tail}`).not.toMatch(/correct|horse/);
  });

  it('names a program that is not there, and a folder', async () => {
    const spec = commandIn(temporaryFolder(), '');
    await expect(runAttached({ ...spec, argv: ['no-such-program'] })).rejects.toMatchObject({
      type: 'ToolMissing',
      message: expect.stringContaining('no-such-program') as string,
    });
    await expect(runAttached({ ...spec, cwd: '/no/such/folder' })).rejects.toMatchObject({ type: 'Usage' });
  });

  it('kills a group that ignores SIGTERM at the deadline, and comes back once it is gone', async () => {
    const folder = temporaryFolder();
    const startedAt = Date.now();
    const script = 'trap "" TERM; sleep 60 & echo $! >sleep.pid; echo $$ >shell.pid; while :; do wait; done';
    const result = await runAttached(commandIn(folder, script, { deadlineMs: 500 }));
    expect(result).toMatchObject({ timedOut: true, cancelled: false, exitCode: null, signal: 'SIGKILL' });
    expect(Date.now() - startedAt).toBeLessThan(4_000);
    for (const name of ['sleep.pid', 'shell.pid'])
      expect(runs(Number(readFileSync(join(folder, name), 'utf8')))).toBe(false);
  });

  it('ends a command that is cancelled, and starts none that was cancelled before', async () => {
    const folder = temporaryFolder();
    const abort = new AbortController();
    const running = runAttached(commandIn(folder, 'echo $$ >pid; exec sleep 60'), { signal: abort.signal });
    const pid = await until(() => pidIn(join(folder, 'pid')));
    abort.abort();
    expect(await running).toMatchObject({ cancelled: true, timedOut: false, exitCode: null, signal: 'SIGTERM' });
    expect(runs(pid)).toBe(false);
    expect(await runAttached(commandIn(folder, 'touch started'), { signal: abort.signal })).toMatchObject({
      cancelled: true,
    });
    expect(existsSync(join(folder, 'started'))).toBe(false);
  });

  it('ends with the command, though a daemon holds its output open', async () => {
    const folder = temporaryFolder();
    const result = await runAttached(
      commandIn(folder, 'setsid sh -c "echo \\$\\$ >daemon.pid; exec sleep 60" & until [ -s daemon.pid ]; do :; done'),
    );
    const daemon = pidIn(join(folder, 'daemon.pid')) ?? 0;
    expect(result).toMatchObject({ exitCode: 0, timedOut: false });
    expect(runs(daemon)).toBe(true);
    process.kill(daemon, 'SIGKILL');
  });

  // The guard hears of a command a moment after it began, and of what it started by then nothing is known (a known gap): so the worker is
  // killed once it has told of a line, which comes after the guard was told.
  it('dies with the worker, grandchildren included, even at SIGKILL', async () => {
    const folder = temporaryFolder();
    const script = 'sleep 60 & echo $! >sleep.pid; echo $$ >shell.pid; echo begun; wait';
    const worker = otherProcess(
      'command.ts',
      `const { writeFileSync } = await import('node:fs');
      const spec = { argv: ['sh', '-c', args[1]], cwd: args[0], env: process.env, deadlineMs: 60000, redactor: new Redactor([]) };
      await lib.runAttached(spec, { onLine: () => writeFileSync(args[0] + '/told', '') });`,
      folder,
      script,
    );
    await until(() => existsSync(join(folder, 'told')));
    const shell = await until(() => pidIn(join(folder, 'shell.pid')));
    const sleep = pidIn(join(folder, 'sleep.pid')) ?? 0;
    expect([runs(shell), runs(sleep)]).toEqual([true, true]);
    await killHard(worker);
    await until(() => !runs(shell) && !runs(sleep));
  });
});
