import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Kind, Status } from '../../src/model.js';
import { readJournal } from '../../src/lib/journal.js';
import { withLock } from '../../src/lib/lock.js';
import { approve, asked, databases, look, order, rows, served } from './looks.js';
import { until, withStand, type Stand } from './stand.js';

const policy = (yaml: string) => yaml.replace('sign-off: none', 'sign-off: { roles: [release-manager] }').replace('on_failure: rollback', 'on_failure: ask')
  // A start that fails while `hold` lies beside the ledger: the release stops between migrate and start.
  .replace(/echo start \$\(cat VERSION 2>\/dev\/null\) >> (\S+?);/, 'test ! -e $1.hold || exit 7; $&');

describe('undo.md, with the worker dead and Temporal out of reach', () => {
  it('brings 1.0.0 back with its data from wherever 2.0.0 was stopped dead, and may be run twice', async () => {
    await withStand(async (stand) => {
      const { start, home, state, database } = stand;
      const hold = join(state, '..', 'ledger.hold');
      const first = await start('deploy', { version: '1.0.0', by: 'bob' });
      await approve(first, 'go');
      await approve(first, 'sign-off');
      await first.result();
      await order(stand, 'Kettle');
      const before = await rows(database.ownerUrl);

      // Killed while the migration begins, before or after its command was: both have to come back.
      await stopped(stand, 'deploy', '2.0.0', async (handle) => {
        await asked(handle, 'go');
        const untouched = await undoOf(stand, (await handle.query<Status>('status')).run);
        expect(untouched).toContain('Nothing was changed so far: there is nothing to take back.');
        expect(untouched).not.toContain('```');
        await approve(handle, 'go');
        await until(async () => (await readJournal(home))?.last.step === 'migrate');
      });
      await takenBack(stand, before);

      await writeFile(hold, '');
      await stopped(stand, 'deploy', '2.0.0', (handle) => asked(handle, 'start'));
      await rm(hold);
      expect(Object.keys(await rows(database.ownerUrl)).length).toBeGreaterThan(0);
      expect(await rows(database.ownerUrl)).not.toEqual(before);
      await takenBack(stand, before);

      const open = await stopped(stand, 'deploy', '2.0.0', async (handle) => {
        await asked(handle, 'sign-off');
        await order(stand, 'Teapot');
      });
      const written = await rows(database.ownerUrl);
      await takenBack(stand, before);
      expect(open.undo).toContain(open.run);
      const kept = (await databases(database)).filter((name) => name.includes('__r_'));
      const contents = await Promise.all(kept.map(async (name) => rows(await reopened(stand, name)).catch(() => undefined)));
      expect(contents).toContainEqual(written);

    }, { definition: policy });
  }, 600_000);

  it('brings 2.0.0 and its data forward again, where a rollback was stopped dead after it put the older data back', async () => {
    await withStand(async (stand) => {
      const { go, home, database } = stand;
      await go('deploy', { version: '1.0.0', by: 'bob' });
      expect(await go('deploy', { version: '2.0.0', by: 'bob' })).toMatchObject({ outcome: 'deployed' });
      await order(stand, 'Saucer');
      const newer = await rows(database.ownerUrl);
      const rollback = () => stopped(stand, 'rollback', '1.0.0', async (handle) => {
        await approve(handle, 'rollback');
        await until(async () => (await readJournal(home))?.last.step === 'start');
      });
      // It cannot be over before its worker is dead.
      await withLock(join(home, 'history.lock'), 'the test', rollback);
      await takenBack(stand, newer, '2.0.0');
    });
  }, 600_000);
});

/** Starts a run and, at that point, ends the worker and all that it left running; then the workflow is ended, too. */
async function stopped({ start, home, worker }: Stand, kind: Kind, version: string, at: (handle: Awaited<ReturnType<Stand['start']>>) => Promise<unknown>) {
  const handle = await start(kind, { version, by: 'bob' });
  await at(handle);
  const { run } = await handle.query<Status>('status');
  await worker.kill();
  await handle.terminate('Temporal is gone');
  const folder = join(home, 'runs', run ?? '');
  await until(async () => (await unfinished(join(folder, 'commands'))).length === 0);
  return { run: run ?? '', undo: await undoOf({ home }, run) };
}

function undoOf({ home }: Pick<Stand, 'home'>, run: string | null): Promise<string> {
  return readFile(join(home, 'runs', run ?? '', 'undo.md'), 'utf8');
}

/** Commands that were begun and have no exit code yet: undo.md says to wait for them. */
async function unfinished(folder: string): Promise<string[]> {
  const names = existsSync(folder) ? await readdir(folder) : [];
  return names.filter((name) => existsSync(join(folder, name, 'claim')) && !existsSync(join(folder, name, 'exit')));
}

/** Runs the block from the shell alone, twice; then the records are closed the way a person would, for the next release. */
async function takenBack(stand: Stand, expected: Record<string, string[]>, version = '1.0.0'): Promise<void> {
  const { home, shop, database, worker } = stand;
  const run = (await readJournal(home))?.run ?? '';
  const [, block = ''] = /```sh\n([\s\S]*?)\n```/.exec(await undoOf(stand, run)) ?? [];
  const perform = () => promisify(execFile)('sh', ['-c', block], { cwd: '/', env: { PATH: process.env.PATH, HOME: process.env.HOME } });
  for (let time = 1; time <= 2; time++) {
    await perform();
    expect([time, await served(shop.url)]).toEqual([time, version]);
    expect(await rows(database.ownerUrl)).toEqual(expected);
    expect(await look(stand)).toMatchObject({ head: shop.shas[version], changed: '' });
  }
  await rename(join(home, 'journal.json'), join(home, 'journal.closed.json'));
  await worker.restart();
}

/** A replaced database lets nobody in; this looks into it all the same. */
async function reopened({ database }: Stand, name: string): Promise<string> {
  execFileSync('psql', [database.superuserUrl, '-qXc', `ALTER DATABASE "${name}" ALLOW_CONNECTIONS true`]);
  const url = new URL(database.superuserUrl);
  url.pathname = name;
  return url.href;
}
