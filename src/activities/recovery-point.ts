import { fail, rootMessage } from '../errors.js';
import type { StepContext } from './context.js';
import type { StandbyRecord, Store } from './data/contract.js';
import { reversed } from './records.js';

/**
 * All stores, or none: a row and the upload that it names belong together. Each gets the copy that was noted for it; where one cannot, those before
 * it get back what they had, and the reason is thrown. Killed between two stores, the next call goes on. Throws OutcomeUnknown where stores of two
 * moments are left side by side.
 */
export async function swapAll(context: StepContext, all: Store[], records: StandbyRecord[]): Promise<void> {
  const pairs = all.map((store) => ({ store, record: noted(store, records) }));
  const done: typeof pairs = [];
  for (const pair of pairs) {
    try {
      await pair.store.swapIn(context, pair.record);
      done.push(pair);
    } catch (error) {
      // Whoever comes next finds what was swapped, and goes on.
      if (context.interrupted.aborted) throw error;
      await takeBack(context, done, pair, error);
      throw error;
    }
  }
}

type Pair = { store: Store; record: StandbyRecord };

async function takeBack(context: StepContext, done: Pair[], failed: Pair, reason: unknown): Promise<void> {
  const left = [...done, ...((await isIn(context, failed, reason)) ? [failed] : [])];
  while (left.length > 0) {
    const { store, record } = left.at(-1)!;
    context.progress(`${failed.store.name} could not be swapped: ${store.name} gets back what it had`);
    try {
      await store.swapIn(context, reversed(record));
    } catch (error) {
      throw mixed(left, failed, reason, `${store.name} does not go back: ${rootMessage(error)}`);
    }
    left.pop();
  }
}

/** A swap may fail after it took place. */
async function isIn(context: StepContext, { store, record }: Pair, reason: unknown): Promise<boolean> {
  try {
    return (await store.live(context)).oid === record.copyOid;
  } catch (error) {
    throw fail(
      'OutcomeUnknown',
      `${rootMessage(reason)}; nobody can tell what ${store.name} is now (${rootMessage(error)}): look at it, then retry`,
    );
  }
}

function mixed(left: Pair[], failed: Pair, reason: unknown, problem: string): Error {
  const names = left.map(({ store, record }) => `${store.name} has the data of ${record.takenAt}`).join(', ');
  return fail(
    'OutcomeUnknown',
    `${names}, but ${failed.store.name} could not be swapped: ${rootMessage(reason)}; ${problem}: see to it, then retry`,
  );
}

function noted(store: Store, records: StandbyRecord[]): StandbyRecord {
  const record = records.find((one) => one.store === store.name);
  if (!record) throw fail('DataRefused', `nothing was prepared to take the place of ${store.name}`);
  return record;
}
