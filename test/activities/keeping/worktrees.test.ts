import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { listKept } from '../../../src/activities/keeping/list.js';
import { prune } from '../../../src/activities/keeping/prune.js';
import { appendEvidence } from '../../../src/lib/evidence.js';
import { appendHistory } from '../../../src/lib/history.js';
import { git, makeRepository, write, type Repository } from '../source/repository.js';
import { stepContext, type TestStep } from '../step-context.js';
import { deployed } from './deployed.js';

const runs = ['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => `20260105T120000Z-${letter.repeat(6)}`) as [
  string,
  ...string[],
];
const [oldest, changed, lost, before, now, open] = runs as [string, string, string, string, string, string];

let repository: Repository;
let step: TestStep;
const staged = (run: string) => join(step.folderOf(run), 'code', repository.two.sha);

beforeEach(async () => {
  repository = makeRepository();
  const definition = { ...repository.definition, backup: { keep: { count: 1, days: 30 } } };
  const { home } = repository.step();
  step = stepContext({ definition, folder: join(home, 'look'), home });
  for (const run of runs) {
    git(repository.live, 'worktree', 'add', '--quiet', '--detach', staged(run), repository.two.sha);
    write(step.folderOf(run), {
      [`code/${repository.two.sha}.ready`]: '',
      [`code/${repository.two.sha}/node_modules/made`]: '',
    });
    await appendEvidence(step.folderOf(run), { id: 'resolve', kind: 'run', data: {} });
    if (run !== open) await appendEvidence(step.folderOf(run), { id: 'end', kind: 'end', data: {} });
  }
  write(staged(changed), { 'app.js': 'by hand\n', 'mine.txt': '' });
  rmSync(git(staged(lost), 'rev-parse', '--absolute-git-dir'), { recursive: true });
  await appendHistory(home, deployed(before, null));
  await appendHistory(home, deployed(now, before));
});
afterEach(() => repository.remove());

it('Staged code of old runs goes once somebody saw it; that of the release, of its way back and of an open run stays, and what somebody changed', async () => {
  const { listed, problems } = await listKept(step);
  expect(problems).toEqual([]);
  expect(Object.fromEntries(listed.map(({ thing }) => [thing.run, thing.stays]))).toEqual({
    [oldest]: null,
    [changed]: '2 of its files differ from its commit: look at it, then remove it by hand',
    [lost]: 'Git does not know it any more: look at it, then remove it by hand',
    [before]: `of ${before}, the release before`,
    [now]: `of ${now}, which runs`,
    [open]: 'its run did not end',
  });
  const names = listed.map(({ thing }) => thing.name);
  expect((await prune(step, names, 'ann')).map(({ name }) => name)).toEqual([staged(oldest)]);
  expect(runs.filter((run) => existsSync(staged(run)))).toEqual(runs.filter((run) => run !== oldest));
  expect(existsSync(`${staged(oldest)}.ready`)).toBe(false);
  expect(git(repository.live, 'worktree', 'list')).not.toContain(oldest);
  expect(await prune(step, names, 'ann')).toEqual([]);
});
