import { appendFile, mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { inject } from 'vitest';
import { describe, expect, it } from 'vitest';
import { readEvidence } from '../../src/lib/evidence.js';
import { readHistory } from '../../src/lib/history.js';
import type { Report, Status } from '../../src/model.js';
import { runCli } from '../../src/client/run-cli.js';
import { plainStyle } from '../../src/view/style.js';
import { ending, until, withStand, type Stand } from './stand.js';

/** Encrypted, copied, scheduled. */
const kept = (yaml: string) =>
  yaml.replace(
    /^backup: .*$/m,
    'backup: { directory: ../backups, copy_to: ../second, encrypt: { passphrase: $BACKUP_PHRASE }, schedule: 15 2 * * *, keep: { count: 1 } }',
  );

describe('backups beside releases', () => {
  it('are taken, proven, copied and rehearsed; go on after their worker was killed, once; and never stand in a release’s way', async () => {
    await withStand(async (stand) => {
      const { go, shop, home, worker } = stand;
      const root = join(shop.directory, '..');
      await appendFile(join(shop.directory, '.env'), 'BACKUP_PHRASE=kept-with-care\n');
      await mkdir(join(root, 'second'));
      const refused = await ending(await besideOf(stand, 'rehearse'));
      expect(refused).toMatchObject({ outcome: 'failed-unchanged', problem: 'BackupUnusable', failed: true });
      expect(refused.reason).toContain('slipway backup shop/local');
      expect(await go('deploy', { version: '1.0.0', by: 'bob' })).toMatchObject({ outcome: 'deployed' });

      // Killed in the middle: the next worker goes on with the same run.
      const handle = await besideOf(stand, 'backup');
      await until(async () => stepOf(await handle.query<Status>('status'), 'backup') === 'running');
      await worker.kill();
      await worker.restart();
      const report = await ending(handle);
      expect(report).toMatchObject({ outcome: 'done', failed: false, current: '1.0.0', steps: ['resolve: done', 'backup: done', 'record: done'] });
      const places = [join(root, 'backups/shop/local'), join(root, 'second/shop/local')];
      for (const place of places) {
        expect((await readdir(place)).filter((id) => id === report.run)).toHaveLength(1);
        expect(await readdir(join(place, report.run ?? ''))).toEqual(['how-to-open.md', expect.stringMatching(/^main\.dump(\.zst)?\.enc$/), 'manifest.json']);
      }
      const entries = await readEvidence(join(home, 'runs', report.run ?? ''));
      expect(entries.filter(({ id }) => id === 'backup-1-backup')).toHaveLength(1);
      expect(entries.at(-1)?.id).toBe('end');
      expect((await readHistory(home)).map(({ kind }) => kind)).toEqual(['deploy']);
      expect(await readFile(join(home, 'runs', report.run ?? '', 'evidence.jsonl'), 'utf8')).not.toContain('kept-with-care');

      // Beside a release that waits for its go, and by the very line that the help shows.
      const release = await stand.start('deploy', { version: '2.0.0', by: 'bob', change: 'compatible' });
      await until(async () => (await release.query<Status>('status')).questions.length > 0);
      const [taken, said] = await cli(stand, ['backup', 'shop/local']);
      expect(said).toMatch(/✔ backup .* MB, proven by a restore in .* copied to .*second/);
      expect(taken).toBe(0);
      expect(await cli(stand, ['rehearse', 'shop/local'])).toEqual([0, expect.stringMatching(/a real restore takes about \d/) as string]);
      expect((await cli(stand, ['status', 'shop/local']))[1]).toMatch(/backup {4}done, .* ago\n {2}rehearse {2}done, /);
      expect((await release.query<Status>('status')).state).toBe('waiting');
      await release.cancel();
      await ending(release);

      const [, listed] = await cli(stand, ['backups', 'shop/local']);
      expect(listed.match(/^backup .* proven .*$/gm)).toHaveLength(3);
      expect(listed).toMatch(/^copy .* the last proven backup .*second/m);
      expect(await cli(stand, ['backups', 'shop/local', '--prune'])).toEqual([0, expect.stringContaining('--prune --yes removes these') as string]);
      expect((await cli(stand, ['backups', 'shop/local', '--prune', '--yes']))[1]).toMatch(/2 removed, noted in pruned\.jsonl/);
      expect(await cli(stand, ['backups', 'shop/local', '--prune'])).toEqual([0, 'all that is kept is needed']);

      await unmounted(stand, join(root, 'second'));
      await scheduled(stand);
    }, { definition: kept });
  }, 600_000);
});

/** The second place is gone once people said go: nothing is stopped. */
async function unmounted(stand: Stand, second: string): Promise<void> {
  const before = await stand.ledger();
  const release = await stand.start('deploy', { version: '2.0.0', by: 'bob', change: 'compatible' });
  const { questions } = await until(async () => {
    const status = await release.query<Status>('status');
    return status.questions.length > 0 && status;
  });
  await rename(second, `${second}.gone`);
  await release.signal('approve', { gate: 'go', by: 'ann', plan: questions[0]?.plan });
  expect(await ending(release)).toMatchObject({ outcome: 'failed-unchanged', problem: 'NoRights', current: '1.0.0', reason: expect.stringContaining('backup.copy_to') as string });
  expect(await stand.ledger()).toEqual(before);
  await rename(`${second}.gone`, second);
}

/** The Schedule: made from the definition, shown, run, paused, removed. */
async function scheduled(stand: Stand): Promise<void> {
  const { client, home } = stand;
  const schedule = (action: string) => cli(stand, ['schedule', 'shop/local', action]);
  expect(await schedule('show')).toEqual([2, expect.stringContaining('slipway schedule shop/local create') as string]);
  expect(await schedule('create')).toEqual([0, expect.stringMatching(/backups at 15 2 \* \* \* UTC\n {2}next .*02:15/) as string]);
  expect((await schedule('create'))[0]).toBe(2);
  await client.schedule.getHandle('shop/local/backup').trigger();
  const id = await until(async () => {
    for await (const { workflowId } of client.workflow.list({ query: `WorkflowType = 'backup'` }))
      if (/^shop\/local\/backup-20/.test(workflowId)) return workflowId;
    return undefined;
  });
  const report = (await client.workflow.getHandle(id).result()) as Report;
  expect(report).toMatchObject({ outcome: 'done', environment: 'shop/local' });
  expect(report.run).toBeTruthy();
  expect(await readdir(join(home, 'runs', report.run ?? ''))).toContain('report.md');
  expect((await schedule('pause'))[1]).toMatch(/paused: paused by slipway schedule\n {2}next {6}none/);
  expect((await schedule('resume'))[1]).not.toContain('paused');
  expect((await schedule('remove'))[0]).toBe(0);
  expect((await schedule('pause'))[0]).toBe(2);
}

async function besideOf({ client }: Stand, kind: 'backup' | 'rehearse'): Promise<WorkflowHandle> {
  return client.workflow.start(kind, { taskQueue: 'slipway', workflowId: `shop/local/${kind}`, args: [{}] });
}

function stepOf(status: Status, name: string): string | undefined {
  return status.steps.find((step) => step.name === name)?.state;
}

/** The CLI in this process: its exit code, and all that it said. */
async function cli({ namespace }: Stand, args: string[]): Promise<[code: number, text: string]> {
  const lines: string[] = [];
  const say = (text: string) => void lines.push(text);
  const env = { TEMPORAL_ADDRESS: inject('temporal'), TEMPORAL_NAMESPACE: namespace, SLIPWAY_USER: 'bob' };
  const style = plainStyle;
  const code = await runCli(args, { out: say, say, live: () => undefined, moving: false, env, person: false, outStyle: style, sayStyle: style, interrupted: () => new AbortController().signal });
  return [code, lines.join('\n')];
}
