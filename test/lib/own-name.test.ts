import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ownName, removeAbandoned } from '../../src/lib/own-name.js';

it('What a process left is removed once that process is gone, not before, and nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-own-'));
  const other = spawn('sh', ['-c', 'echo $$-$(cut -d" " -f22 /proc/$$/stat); exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    const [line] = (await once(other.stdout, 'data')) as [Buffer];
    const theirs = `pg-${line.toString().trim()}-1`;
    const [mine, again] = [ownName('pg-'), ownName('pg-')];
    expect(mine).not.toBe(again);
    const reused = `pg-${process.pid}-1-1`;
    for (const name of [theirs, mine, again, reused, 'pg-somebody', theirs.slice(3)])
      await mkdir(join(folder, name, 'data'), { recursive: true });
    await removeAbandoned(folder, 'pg-');
    // The number of this process, but of another one.
    expect((await readdir(folder)).sort()).toEqual([theirs, mine, again, 'pg-somebody', theirs.slice(3)].sort());
    other.kill('SIGKILL');
    await once(other, 'exit');
    await removeAbandoned(folder, 'pg-');
    expect((await readdir(folder)).sort()).toEqual([mine, again, 'pg-somebody', theirs.slice(3)].sort());
    await removeAbandoned(join(folder, 'nowhere'));
  } finally {
    other.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
});
