import { failureType, rootMessage } from '../../../errors.js';
import type { StepContext } from '../../context.js';
import type { StandbyRecord } from '../contract.js';
import { secondBackup } from '../second-backup.js';
import { takeBackup } from './backup.js';
import { countersNow } from './counters.js';
import { identity } from './in-place/exchange.js';
import type { Link } from './link.js';
import { proveBackup } from './prove.js';
import { reopen } from './sessions.js';
import { hasStandby, makeStandby } from './standby.js';
import { wayOf } from './way.js';

/** With nothing writing: a copy beside the live database, else a second backup of that moment, proven. */
export async function keepState(context: StepContext, link: Link): Promise<StandbyRecord> {
  // A copy that was cut off may have left it closed.
  await reopen(link);
  const { way, why } = await wayOf(context, link);
  if (way === 'in place') return second(context, link, why, true);
  // The copy of an attempt that was killed has taken the room that is missed now.
  if (way === 'backup' && !(await hasStandby(link))) return second(context, link, why);
  try {
    return await makeStandby(context, link);
  } catch (error) {
    if (!['NoRoom', 'NoRights'].includes(failureType(error) ?? '')) throw error;
    return second(context, link, rootMessage(error));
  }
}

function second(context: StepContext, link: Link, why: string, inPlace?: true): Promise<StandbyRecord> {
  return secondBackup(context, {
    store: link.store,
    why,
    ...(inPlace ? { inPlace } : {}),
    live: () => identity(context, link),
    counters: () => countersNow(link),
    take: (folder) => takeBackup(context, link, folder),
    prove: (folder, stored) => proveBackup(context, link, folder, stored),
  });
}
