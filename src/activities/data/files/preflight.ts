import { lstat, mkdir, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CheckResult } from '../../../model.js';
import { unasked, type StepContext } from '../../context.js';
import { checkRooms } from '../beside/checks.js';
import { attempt } from '../postgres/preflight.js';
import { makeBeside, type Place } from '../beside/place.js';
import { exchange } from './program.js';

/** Each right is tried; every check runs and is shown, whatever the others say. Changes nothing but scratch that it removes. */
export async function checkTree(context: StepContext, place: Place, size: number): Promise<CheckResult[]> {
  const { store, live } = place;
  const found = await lstat(live).catch(() => undefined);
  const above = await stat(dirname(live)).catch(() => undefined);
  const swap = await attempt(() => trySwap(context, place));
  const seen = !found ? 'not there' : !found.isDirectory() ? 'a file' : 'it is';
  const mounted = found && above && found.dev !== above.dev;
  return [
    unasked(`${store}: folder`, seen === 'it is', `${live} is a folder`, seen),
    unasked(
      `${store}: swap`,
      swap === undefined && !mounted,
      `${live} can be renamed`,
      mounted ? 'a disk is mounted there: name a folder on it' : (swap ?? 'it can'),
    ),
    ...(await checkRooms(context, place, size)),
  ];
}

async function trySwap(context: StepContext, place: Place): Promise<void> {
  await makeBeside(place);
  const paths = [
    join(place.beside, `probe-${context.run.id}`),
    join(dirname(place.live), `.slipway-probe-${context.run.id}`),
  ];
  try {
    for (const path of paths) await mkdir(path, { recursive: true });
    await exchange(context, paths[0]!, paths[1]!);
  } finally {
    for (const path of paths) await rmdir(path).catch(() => undefined);
  }
}
