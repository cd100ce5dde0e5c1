import type { CheckResult, Release } from '../../model.js';
import { unasked, type StepContext } from '../context.js';
import { nameFiles } from './changes.js';
import { gitOutput, gitRecords } from './git-command.js';

/**
 * Whether a checkout brings all of the release: Git leaves submodules at the commit that they had, and writes the pointers of LFS (or what git-crypt
 * encrypted) instead of the files where the filter is not set up on this host. Both without a word.
 */
export async function checkWhole(context: StepContext, release: Release, where: string): Promise<CheckResult> {
  const [submodules, filters] = await Promise.all([submodulesOf(context, release), lackingFilters(context, release)]);
  const problems = [
    ...(submodules.length > 0 ? [`submodules, which no checkout switches: ${nameFiles(submodules)}`] : []),
    ...filters.map((name) => `filter=${name} is not set up here: ${name === 'lfs' ? 'git lfs install' : 'git config'}`),
  ];
  const expected = 'a checkout brings every file of the version';
  const result = unasked('checkout-whole', problems.length === 0, expected, problems.join('; ') || 'it does', where);
  // The way back to what served before is not refused.
  return context.run.kind === 'rollback' ? { ...result, must: 'warn' } : result;
}

async function submodulesOf(context: StepContext, { sha }: Release): Promise<string[]> {
  const records = await gitRecords(context, ['ls-tree', '-r', '-z', sha]);
  return records.filter((record) => record.startsWith('160000 ')).map((record) => record.split('\t')[1] ?? '');
}

/** Filters that its attributes name, and that no configuration of Git on this host knows how to undo. */
async function lackingFilters(context: StepContext, { sha }: Release): Promise<string[]> {
  const files = ['.gitattributes', '**/.gitattributes'].map((path) => `:(glob)${path}`);
  const argv = ['grep', '-h', '-o', '-E', 'filter=[A-Za-z0-9_-]+', sha, '--', ...files];
  const lines = (await gitOutput(context, argv, { ok: [0, 1] })).split('\n').filter(Boolean);
  const named = [...new Set(lines.map((line) => line.replace('filter=', '')))].sort();
  const known = await gitRecords(context, ['config', '-z', '--name-only', '--get-regexp', '^filter\\.'], {
    ok: [0, 1],
  });
  return named.filter((name) => !['smudge', 'process'].some((key) => known.includes(`filter.${name}.${key}`)));
}
