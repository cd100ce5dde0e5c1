import { fail, failureType } from '../../../errors.js';
import { dayMs } from '../../../lib/day.js';
import type { StepContext } from '../../context.js';
import { makeCopy, makeRestored, recordOf, refuseStrange, refuseSwapped, unused } from '../beside/copy.js';
import { identityOf, makeBeside, sidePath, type Place } from '../beside/place.js';
import type { StandbyRecord, StoreBackup } from '../contract.js';
import { catalogDifferences } from '../differences.js';
import { fullDisk } from '../full-disk.js';
import { restoreInto } from './archive.js';
import { entriesOf } from './program.js';

/** With nothing writing: an exact copy beside the live tree. A finished one of this run is found again; an unfinished one is begun anew. */
export async function makeStandby(context: StepContext, place: Place): Promise<StandbyRecord> {
  const [copy, replaced] = [sidePath(place, 's', place.run), sidePath(place, 'r', place.run)];
  const oid = await identityOf(place.live);
  await refuseSwapped(place, replaced, oid);
  await makeBeside(place);
  if (!(await unused(copy))) {
    context.progress(`copying ${place.live} to ${copy}`);
    await makeCopy(place, copy, oid, (part) => copyTree(context, place.live, part));
  }
  await refuseStrange(place, copy, oid);
  return recordOf(place, copy, replaced);
}

/** The backup restored and verified beside the live tree, as a copy that can be swapped in. A finished one is found again. */
export async function restoreBeside(
  context: StepContext,
  place: Place,
  folder: string,
  backup: StoreBackup,
): Promise<StandbyRecord> {
  return makeRestored(place, backup, async (part) => {
    await restoreInto(context, folder, backup, part);
    await flush(context, part);
  });
}

/** Links between files would be shared with what the application writes into: everything is copied, by blocks where the filesystem can. */
async function copyTree(context: StepContext, from: string, to: string): Promise<void> {
  try {
    const argv = [await context.tools.find('cp'), '--archive', '--reflink=auto', '--no-target-directory', from, to];
    await context.read({ argv, deadlineMs: dayMs });
  } catch (error) {
    const full = failureType(error) === 'CommandFailed' ? fullDisk(error) : undefined;
    throw full ? fail('NoRoom', `${to} cannot be written: ${full}`) : error;
  }
  await flush(context, to);
  const [wanted, got] = [await entriesOf(context, 'quick', from), await entriesOf(context, 'quick', to)];
  const [first] = catalogDifferences({ files: wanted }, { files: got });
  if (first) throw fail('DataRefused', `${to} is not equal to ${from}, so something writes to it: ${first}`);
}

async function flush(context: StepContext, path: string): Promise<void> {
  await context.read({ argv: [await context.tools.find('sync'), '--file-system', path], deadlineMs: dayMs });
}
