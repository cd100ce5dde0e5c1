import { fail } from '../../errors.js';
import type { CheckResult, Release, StepResult } from '../../model.js';
import type { Store } from '../data/contract.js';
import { stores } from '../data/lookup.js';
import { migrationTool } from '../migrations/lookup.js';
import { fits } from '../keep-ahead.js';
import { checkCopy, passedOn } from '../rehearsal-checks.js';
import { releases } from '../releases.js';
import { listed, sameSets } from '../revisions.js';
import type { Step } from '../step.js';
import { latestBackup, type Backup } from './latest.js';

/**
 * Restores the latest backup into scratch, store by store, as a real restore would, and looks at it: equal to its manifest, at the revisions that
 * its version's code wants, and right by the definition's checks that can ask a copy. Throws BackupUnusable, MigrationFailed, CheckFailed.
 */
export async function rehearseRestore(context: Step): Promise<StepResult> {
  const { environment } = context.run;
  const backup = await latestBackup(context);
  if (!backup) throw fail('BackupUnusable', `there is no backup of ${environment}: slipway backup ${environment}`);
  const passed: string[] = [];
  let tookMs = 0;
  for (const store of stores(context.definition)) {
    context.progress(`restoring ${store.name} of ${backup.takenAt} into scratch`);
    const looked = await lookAt(context, backup, store);
    tookMs += looked.tookMs;
    passed.push(...passedOn(looked.results));
  }
  const checked = passed.length > 0 ? `; ${passed.join(', ')} passed on it` : '';
  return {
    note: `the backup of ${backup.takenAt} restores, and equals its manifest; a real restore takes about ${(tookMs / 1000).toFixed(1)} s${checked}`,
    data: { backup: backup.id, tookMs, passed },
  };
}

async function lookAt(
  context: Step,
  backup: Backup,
  store: Store,
): Promise<{ tookMs: number; results: CheckResult[] }> {
  const stored = backup.manifest.stores.find((one) => one.store === store.name);
  if (!stored) throw fail('BackupUnusable', `the backup of ${backup.takenAt} has no ${store.name}: take another one`);
  const began = performance.now();
  const scratch = await store.scratch(context, backup.folder, stored);
  const tookMs = Math.round(performance.now() - began);
  try {
    const release = await releaseOf(context, backup);
    // That its revisions are the manifest's is proven, whichever code wants them.
    if (release) await demandHeads(context, store, scratch.url, release);
    const facts = release ?? context.run.version;
    const where = `on ${store.name} as restored from the backup of ${backup.takenAt}: `;
    return { tookMs, ...(await checkCopy(context, { store: store.name, url: scratch.url }, facts, where)) };
  } finally {
    await scratch.drop();
  }
}

/** The release that ran when the backup was taken: it is taken before migrations. undefined: one that the history does not know. */
async function releaseOf(context: Step, { manifest }: Backup): Promise<Release | undefined> {
  const { all } = await releases(context.home);
  const found = all.find(({ version }) => version === manifest.version);
  return found ?? (manifest.version === null ? context.run.version : undefined);
}

async function demandHeads(context: Step, store: Store, url: string, release: Release): Promise<void> {
  const tool = migrationTool(context.definition);
  if (tool?.database(context.definition) !== store.name) return;
  const [applied, known] = [await tool.applied(context, url), (await tool.known(context, release)) ?? []];
  if (sameSets({ [store.name]: applied }, { [store.name]: known })) return;
  if (await fits(context, release, { [store.name]: applied })) return;
  throw fail(
    'MigrationFailed',
    `the restored copy is at ${listed({ [store.name]: applied })}, the code of ${release.version} wants ${listed({ [store.name]: known })}`,
  );
}
