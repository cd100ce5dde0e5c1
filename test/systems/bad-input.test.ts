import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { EvidenceAnswer } from '../../src/activities/index.js';
import type { Kind, Status } from '../../src/model.js';
import { approve, asked, look, sql } from './looks.js';
import { ending, withStand, type Ended, type Stand } from './stand.js';

const tiny = await mkdtemp(join(tmpdir(), 'slipway-tiny-'));
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'tmpfs', tiny]).status === 0;
afterAll(async () => {
  if (mounted) spawnSync('umount', [tiny]);
  await rm(tiny, { recursive: true, force: true });
});

describe('bad input', () => {
  it('ends in one clear line, changes nothing, and locks nothing', async (context) => {
    await withStand(async (stand) => {
      const { shop, database, start } = stand;
      const first = await start('deploy', { version: '1.0.0', by: 'bob' });
      await approve(first, 'go');
      expect(await ending(first)).toMatchObject({ outcome: 'deployed' });
      const yaml = join(shop.systems, 'shop.yaml');
      const refusal = refusing(stand);

      await refusal(
        { version: '2.0.1' },
        { outcome: 'failed-unchanged', problem: 'Usage' },
        /version 2\.0\.1 is unknown: the nearest tags are v2\.0\.0.*list all with git -C \S+ tag/,
      );
      await refusal(
        { version: '1.5.0' },
        { outcome: 'failed-unchanged', problem: 'Usage' },
        /1\.5\.0 never ran in shop\/local: see slipway history shop\/local/,
        'rollback',
      );

      await changed(
        yaml,
        (text) => text.replace('watch: 2s', 'wach: 2s'),
        async () => {
          await refusal(
            {},
            { outcome: 'failed-unchanged', problem: 'BadDefinition' },
            /shop\.yaml:\d+:\d+ wach: .*watch/,
          );
        },
      );
      await changed(
        yaml,
        (text) => text.replace('runtime:', 'runtime: ['),
        async () => {
          await refusal(
            {},
            { outcome: 'failed-unchanged', problem: 'BadDefinition' },
            /shop\.yaml:\d+:\d+: expected YAML, got .*; \d more: slipway validate$/,
          );
        },
      );
      await changed(
        join(shop.directory, 'src/server.js'),
        (text) => `${text}// by hand\n`,
        async () => {
          await refusal(
            {},
            { outcome: 'no-go', problem: 'NoGo' },
            /checkout-clean .*expected no changed files in \S+.*, seen src\/server\.js/,
          );
        },
      );
      await changed(
        join(shop.directory, '.env'),
        (text) => text.replace(/(DATABASE_URL=.*:)\d+\//, (_, before: string) => `${before}1/`),
        async () => {
          await refusal(
            {},
            { outcome: 'failed-unchanged', problem: 'Unreachable' },
            /cannot reach the database of postgresql:\/\/127\.0\.0\.1:1\/\S+: connect ECONNREFUSED/,
          );
        },
      );
      await sql(database.superuserUrl, `REVOKE ${database.name}_owner FROM ${database.name}_admin`);
      await refusal(
        {},
        { outcome: 'no-go', problem: 'NoGo' },
        new RegExp(`expected ${database.name}_admin has CREATEDB and is a member of ${database.name}_owner.*seen must be (member|able)`),
      );
      await sql(database.superuserUrl, `GRANT ${database.name}_owner TO ${database.name}_admin`);

      await withSetting(stand, 'SLIPWAY_POSTGRES_BIN', shop.systems, async () => {
        await refusal(
          {},
          { outcome: 'no-go', problem: 'NoGo' },
          /pg_dump for PostgreSQL.*SLIPWAY_POSTGRES_BIN is set, but \S+pg_dump is not a program: correct it or unset/,
        );
      });
      if (mounted) {
        await mkdir(tiny, { recursive: true });
        await changed(
          yaml,
          (text) => text.replace('backup: {', `backup: { directory: ${tiny},`),
          async () => {
            await refusal(
              {},
              { outcome: 'no-go', problem: 'NoGo' },
              new RegExp(`room for the backup .*expected \\d+ MB free in ${tiny}\\S*, seen 1 MB free`),
            );
          },
        );
      }

      const mended = await start('deploy', { version: '2.0.0', by: 'bob' });
      await asked(mended, 'go');
      await mended.cancel();
      expect(await ending(mended)).toMatchObject({ outcome: 'failed-unchanged', reason: 'cancelled' });
      if (!mounted) await context.annotate('no room: skipped, since nothing can be mounted here');
    });
  }, 600_000);

  it('of a run’s own records: a changed pin is refused until it is put back, a changed entry is named', async () => {
    await withStand(async (stand) => {
      const { start, home, client, environment } = stand;
      const before = await look(stand);
      const handle = await start('deploy', { version: '1.0.0', by: 'bob' });
      await asked(handle, 'go');
      const { run } = await handle.query<Status>('status');
      const folder = join(home, 'runs', run ?? '');
      await changed(
        join(folder, 'pinned.json'),
        (text) => text.replace('"watchMs": 2000', '"watchMs": 2001'),
        async () => {
          await approve(handle, 'go');
          const { text } = await asked(handle, 'record');
          expect(text).toContain('pinned.json was changed since the run began');
        },
      );
      const question = await asked(handle, 'record');
      await handle.signal('answer', { to: 'record', answer: 'retry', by: 'ann', plan: question.plan });
      expect(await ending(handle)).toMatchObject({
        outcome: 'failed-unchanged',
        failed: true,
        problem: 'DataRefused',
        reason: expect.stringContaining('pinned.json was changed') as string,
      });
      expect({ ...(await look(stand)), history: '' }).toEqual({ ...before, history: '' });

      const verify = () =>
        client.workflow.execute<() => Promise<EvidenceAnswer>>('evidence', {
          taskQueue: 'slipway',
          workflowId: `${environment}/evidence/${Math.random()}`,
          args: [{ run }] as never,
        });
      expect(await verify()).toMatchObject({ run, verified: { ok: true } });
      await changed(
        join(folder, 'evidence.jsonl'),
        (text) => text.replace('"by":"bob"', '"by":"eve"'),
        async () => {
          expect(await verify()).toMatchObject({ run, verified: { ok: false, entry: 1 } });
        },
      );
      const again = await start('deploy', { version: '1.0.0', by: 'bob' });
      await asked(again, 'go');
    });
  }, 600_000);
});

/** Runs it to its end, and sees that nothing but the list of ended runs has changed. */
function refusing(stand: Stand) {
  return async (input: object, expected: object, reason: RegExp, kind: Kind = 'deploy'): Promise<void> => {
    const before = await look(stand);
    const report: Ended = await ending(
      await stand.start(kind, { by: 'bob', ...(kind === 'deploy' ? { version: '2.0.0' } : {}), ...input }),
    );
    expect(report).toMatchObject({ failed: true, ...expected });
    expect(report.reason).toMatch(reason);
    expect(report.reason.split('\n')).toHaveLength(1);
    const after = await look(stand);
    expect({ ...after, history: '' }).toEqual({ ...before, history: '' });
    expect(after.journal).toBe('none');
  };
}

async function changed(path: string, change: (text: string) => string, use: () => Promise<void>): Promise<void> {
  const text = await readFile(path, 'utf8');
  const other = change(text);
  if (other === text) throw new Error(`${path} holds nothing to change`);
  await writeFile(path, other);
  try {
    await use();
  } finally {
    await writeFile(path, text);
  }
}

/** The worker, started again with that variable, and once more without it. */
async function withSetting({ worker }: Stand, name: string, value: string, use: () => Promise<void>): Promise<void> {
  const before = process.env[name];
  process.env[name] = value;
  await worker.restart();
  try {
    await use();
  } finally {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
    await worker.restart();
  }
}
