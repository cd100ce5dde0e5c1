import type { CheckResult } from '../../model.js';
import { unasked, type StepContext } from '../context.js';
import type { Need } from './contract.js';
import { deviceOf } from './device.js';
import { stores } from './lookup.js';
import { freeBytes, megabytes } from './postgres/room.js';

interface OwnNeed extends Need {
  store: string;
}

/** Where several stores need room on one disk: whether there is enough for all of them at once. Each alone is told by its own checks. */
export async function checkSums(context: StepContext): Promise<CheckResult[]> {
  const disks = new Map<number, OwnNeed[]>();
  for (const store of stores(context.definition)) {
    // One that cannot be looked at is told by its own checks.
    const needs = (await store.needs?.(context).catch(() => [])) ?? [];
    for (const need of needs) {
      const device = await deviceOf(need.folder);
      disks.set(device, [...(disks.get(device) ?? []), { ...need, store: store.name }]);
    }
  }
  const shared = [...disks.values()].filter((needs) => new Set(needs.map(({ store }) => store)).size > 1);
  return Promise.all(shared.map(checkDisk));
}

async function checkDisk(needs: OwnNeed[]): Promise<CheckResult> {
  const sum = needs.reduce((bytes, need) => bytes + need.bytes, 0);
  const folders = [...new Set(needs.map(({ folder }) => folder))].join(' and ');
  const names = [...new Set(needs.map(({ store }) => store))].join(' and ');
  const free = (await freeBytes(needs[0]!.folder)) ?? Infinity;
  return unasked(
    `room for ${names} together`,
    free >= sum,
    `${megabytes(sum)} free on the disk of ${folders}`,
    `${megabytes(free)} free`,
  );
}
