import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { follow } from '../faults/follow.js';
import type { Status } from '../../src/model.js';
import { withNotes, type NotesSystem } from './notes-system.js';
import { ending, until } from './stand.js';

const mail = `effects:
  mail: { start: [sh, -c, "echo on >>mail.log"], stop: [sh, -c, "echo off >>mail.log"], sql: SELECT text FROM notes }
`;

describe('a system of a SQLite file and a tree of uploads', { timeout: 600_000 }, () => {
  it('gets both back, of one moment, and mail stays stopped until a person has seen what it would say again, when a release that spoilt them fails at verify, with its worker killed in the backup, the copies, the restore and the swap', () =>
    withNotes(async (system) => {
      expect((await system.go('deploy', { version: '2.0.0' })).outcome).toBe('deployed');
      for (const text of ['one', 'two', 'three', 'four']) await system.note(text);
      const [before, copies] = [system.shown(), besides(system)];
      expect(before).toMatch(/VALUES\(4,'four','4\.txt'\)[^]*4\.txt\nonetwothreefour$/);

      const backup = system.hold('copy');
      const handle = await system.start('deploy', { version: '3.0.0' });
      const run = follow(handle);
      const kill = async (held: typeof backup, next?: string) => {
        await run.until(held.inside);
        await system.worker.kill();
        const following = next === undefined ? undefined : system.hold(next);
        held.release();
        await system.worker.restart();
        return following!;
      };
      // SQLite has written its backup, which has no name yet; the copy of the uploads is whole, and not yet one.
      const copied = await kill(backup, 'quick');
      const started = await kill(copied, 'server.py');
      // Without the copy of the file both come from the backup, of one moment, if a person agrees.
      await run.until(started.inside);
      expect(partsOf(system)).toEqual([]);
      const [copy = ''] = besides(system)[0]!.filter((name) => /\.s-[0-9a-f]+$/.test(name) && !copies[0]!.includes(name));
      for (const name of [copy, `${copy}.json`]) rmSync(join(system.directory, 'data', '.slipway', name));
      const restored = system.hold('checked');
      started.release();
      const asked = await until(async () => (await handle.query<Status>('status')).questions.find(({ name }) => name === 'rollback'));
      expect(asked.detail).toContain('changes that would be lost: unknown');
      await handle.signal('approve', { gate: 'rollback', by: 'ann', plan: asked.plan });
      // The file is swapped, and the uploads have just been.
      await kill(await kill(restored, 'exchange'));

      const mailing = await until(async () => (await handle.query<Status>('status')).questions.find(({ name }) => name === 'effects'));
      expect(mailing.detail).toContain('mail, only in what was replaced: {"text":"ONE"}');
      expect(mailing.detail).toContain('mail, only in the data that is back, so it may act a second time: {"text":"one"}');
      expect(readFileSync(join(system.directory, 'mail.log'), 'utf8')).toBe('on\noff\n');
      await handle.signal('answer', { to: 'effects', answer: 'start', by: 'ann', plan: mailing.plan });

      const spoilt = await ending(handle);
      expect(spoilt, spoilt.reason).toMatchObject({ outcome: 'rolled-back', current: '2.0.0', problem: 'CheckFailed' });
      expect(system.shown()).toBe(before);
      expect(readFileSync(join(system.directory, 'mail.log'), 'utf8')).toBe('on\noff\non\n');
      await system.note('five');
      const added = besides(system).map((names, index) => names.filter((name) => !copies[index]!.includes(name)));
      // The copy of the uploads, which was not used, is kept as well.
      const beside = (name: string) => ['', '.json'].map((end) => expect.stringMatching(`^${name}-[0-9a-f]{12}${end}$`) as string);
      expect(added).toEqual([beside('notes.db.r'), [...beside('uploads.r'), ...beside('uploads.s')]]);
      expect(partsOf(system)).toEqual([]);
    }, undefined, mail));
});

function besides({ directory }: NotesSystem): string[][] {
  return ['data/.slipway', '.slipway'].map((folder) => readdirSync(join(directory, folder)).sort());
}

/** What a killed attempt left among the records, the backups and beside the stores. */
function partsOf({ home, directory }: NotesSystem): string[] {
  const names = [home, directory].flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }));
  return names.filter((name) => /\.part$|\/(plain|looked)\/./.test(name));
}
