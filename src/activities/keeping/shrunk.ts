import { fail } from '../../errors.js';
import type { BackupManifest, StoreBackup } from '../data/contract.js';
import { latestBackup } from './latest.js';
import type { Keeper } from './places.js';

/**
 * An empty volume is backed up and proven as well as the right one. A store of which less than a tenth is left since the last proven backup is refused
 * before anything is stopped; a backup on demand takes what there is, and is the measure from then on. Throws DataRefused.
 */
export async function refuseShrunk(keeper: Keeper, { environment, stores }: BackupManifest): Promise<void> {
  const last = await latestBackup(keeper);
  if (!last?.proven) return;
  for (const store of stores) {
    const before = last.manifest.stores.find((one) => one.store === store.store);
    const [now, then] = [rowsIn(store), before ? rowsIn(before) : 0];
    if (now * 10 >= then) continue;
    const what = store.kind === 'files' ? 'files' : 'rows';
    throw fail(
      'DataRefused',
      `${store.store} holds ${now} ${what}, and ${then} in the backup of ${last.takenAt}: is it the right one? If so, take it as the new measure with slipway backup ${environment}, then deploy anew`,
    );
  }
}

function rowsIn({ contents }: StoreBackup): number {
  return Object.values(contents.tables).reduce((sum, { rows }) => sum + rows, 0);
}
