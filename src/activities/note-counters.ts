import { stores } from './data/lookup.js';
import { writeCounters } from './records.js';
import type { Step } from './step.js';

/** What is written from now on is what could be lost. */
export async function noteCounters(context: Step): Promise<void> {
  const counters = await Promise.all(
    stores(context.definition).map(async (store) => [store.name, await store.counters(context)] as const),
  );
  await writeCounters(context.folder, Object.fromEntries(counters));
}
