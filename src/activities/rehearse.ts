import { fail } from '../errors.js';
import type { StepResult } from '../model.js';
import { stores } from './data/lookup.js';
import { migrationTool } from './migrations/lookup.js';
import { findManifest } from './keeping/manifest.js';
import { backupFolder } from './keeping/places.js';
import { knownRevisions } from './revisions.js';
import type { Step } from './step.js';

/** The new version's migrations on a restored copy of the proven backup, from the staged code; the live system is not touched. */
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
    return { note: `migrations took ${(tookMs / 1000).toFixed(1)} s on the copy`, data: { tookMs, applied: wanted } };
  } finally {
    await scratch.drop();
  }
}
