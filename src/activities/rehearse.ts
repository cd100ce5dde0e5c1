import { fail } from '../errors.js';
import type { Release, StepResult } from '../model.js';
import { stores } from './data/lookup.js';
import { migrationTool } from './migrations/lookup.js';
import { findManifest } from './keeping/manifest.js';
import { backupFolder } from './keeping/places.js';
import { writeTriedBefore } from './records.js';
import { checkCopy, passedOn } from './rehearsal-checks.js';
import { knownRevisions } from './revisions.js';
import type { Step } from './step.js';

/**
 * The new version's migrations on a restored copy of the proven backup, from the staged code, and the checks that can ask a copy: those of the new version,
 * and, where the change was declared compatible, those of the version before. The live system is not touched. Throws MigrationFailed, CheckFailed.
 */
export async function rehearse(context: Step): Promise<StepResult> {
  const { definition, run } = context;
  const tool = migrationTool(definition);
  if (!tool) return { note: 'there is no migration tool' };
  const folder = backupFolder(context, run.id);
  const manifest = await findManifest(context, run.id);
  const name = tool.database(definition);
  const store = stores(definition).find((one) => one.name === name);
  const backup = manifest?.stores.find((one) => one.store === name);
  if (!store || !backup || !manifest?.proven)
    throw fail('BackupUnusable', `there is no proven backup of ${name} to rehearse on`);
  const wanted = [
    ...new Set([...(manifest.revisions[name] ?? []), ...((await knownRevisions(context, run.version))[name] ?? [])]),
  ].sort();
  const scratch = await store.scratch(context, folder, backup);
  try {
    const began = Date.now();
    await tool.upgrade(context, context.staged(run.version), wanted, scratch.url);
    const tookMs = Date.now() - began;
    const copy = { store: name, url: scratch.url };
    const { results, notAsked } = await checkCopy(context, copy, run.version, 'on the migrated copy: ');
    const before = await checkBefore(context, copy);
    const parts = [
      `migrations took ${(tookMs / 1000).toFixed(1)} s on the copy`,
      ...told(run.version, passedOn(results)),
      ...(run.previous ? told(run.previous, before) : []),
      ...(notAsked.length > 0 ? [`no copy can be asked ${notAsked.join(', ')}`] : []),
    ];
    return { note: parts.join('; '), data: { tookMs, applied: wanted, passed: passedOn(results), before } };
  } finally {
    await scratch.drop();
  }
}

/** What makes `compatible` more than a word: the version before finds what it looks for on the migrated copy. Noted for a rollback that would keep it. */
async function checkBefore(context: Step, copy: { store: string; url: string }): Promise<string[]> {
  const { previous, change } = context.run;
  if (change !== 'compatible' || !previous) return [];
  const where = `declared compatible, but on the migrated copy ${previous.version} fails: `;
  const passed = passedOn((await checkCopy(context, copy, previous, where)).results);
  await writeTriedBefore(context.folder, passed);
  return passed;
}

function told({ version }: Release, passed: string[]): string[] {
  return passed.length > 0 ? [`${passed.join(', ')} of ${version} passed on it`] : [];
}
