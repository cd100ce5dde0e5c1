import { fail, failureType, rootMessage } from '../errors.js';
import type { Revisions } from '../model.js';
import { backup } from './backup.js';
import { stores } from './data/lookup.js';
import { findManifest } from './keeping/manifest.js';
import { backupFolder, beforeUndo } from './keeping/places.js';
import { migrationTool } from './migrations/lookup.js';
import { detailsOf } from './migrations/tool-error.js';
import { migratedStore } from './migrations/tool-settings.js';
import { readReturn, undoBegun, writeReturn } from './records.js';
import { swapAll } from './recovery-point.js';
import type { Step } from './step.js';

/**
 * Takes migrations back in the live checkout, which at this moment still holds the code that knows them. The present state is backed up and proven
 * before; an undo that fails returns to it, and its reason is thrown.
 */
export async function undoMigrations(context: Step, to: Revisions): Promise<void> {
  const { definition, folder } = context;
  const tool = migrationTool(definition);
  if (!tool) return;
  // An attempt that adopts the undo must not take half of it for the present state.
  if (!undoBegun(folder)) await keepPresent(context);
  const act = () => tool.downgradeTo(context, definition.directory, to[tool.database(definition)] ?? []);
  const store = migratedStore(definition);
  try {
    await (store?.alone ? store.alone(context, act) : act());
  } catch (error) {
    const type = failureType(error);
    // A worker that leaves is followed by one that goes on; a cancelled rollback swaps in its own copy.
    if (type === undefined || ['WorkerLeft', 'Fenced'].includes(type) || !undoBegun(folder)) throw error;
    try {
      await goBack(context);
    } catch (other) {
      const problem = `the data from before the undo is not back: ${rootMessage(other)}`;
      throw failureType(other) === 'WorkerLeft' ? other : fail('OutcomeUnknown', `${rootMessage(error)}; ${problem}`);
    }
    throw fail(type, `${rootMessage(error)}; all data is as it was before the undo`, detailsOf(error as never));
  }
}

/** Under the version whose revisions it has: of a deploy the new one. */
async function keepPresent(context: Step): Promise<void> {
  const { run } = context;
  const present = run.kind === 'rollback' ? run.previous : run.version;
  await backup({ ...context, run: { ...run, id: beforeUndo(run.id), previous: present } });
}

/** Noted before anything is swapped: whoever comes next goes on, or finds it done. */
async function goBack(context: Step): Promise<void> {
  const id = beforeUndo(context.run.id);
  const all = stores(context.definition);
  let records = await readReturn(context.folder);
  if (!records) {
    const manifest = await findManifest(context, id);
    records = [];
    for (const store of all) {
      const stored = manifest?.stores.find((one) => one.store === store.name);
      if (!stored) throw fail('BackupUnusable', `${backupFolder(context, id)} has no ${store.name}`);
      context.progress(`the undo failed: restoring ${store.name} as it was before`);
      const record = await store.restore(context, backupFolder(context, id), stored);
      records.push({ ...record, live: await store.live(context) });
    }
    await writeReturn(context.folder, records);
  }
  await swapAll(context, all, records);
}
