/** A process that kills itself in the middle of an act: at one statement that it sends, before sending it, `delayMs` after, or when it is answered. */
import { readFileSync } from 'node:fs';
import { Client } from 'pg';
import type { StandbyRecord, StoreBackup } from '../../../../src/activities/data/contract.js';
import { stores } from '../../../../src/activities/data/lookup.js';
import { postgresStore } from '../../../../src/activities/data/postgres/store.js';
import type { Definition } from '../../../../src/model.js';
import { definitionOf, stepContext } from '../../step-context.js';

export interface Killed {
  folder: string;
  env: string;
  act: 'backup' | 'standby' | 'swapIn' | 'prove' | 'restore';
  argument?: StandbyRecord | StoreBackup;
  /** The n-th of all; or the one that begins like the last of these texts, once others came that begin like those before, in this order. */
  at: number | string[];
  /** null: before the statement is sent. */
  delayMs: number | null | 'answered';
  /** Where the store is not the plain shop, but the one database that this definition has. */
  definition?: Definition;
}

const { folder, env, act, argument, at, delayMs, definition } = JSON.parse(readFileSync(0, 'utf8')) as Killed;
// eslint-disable-next-line @typescript-eslint/unbound-method
const send = Client.prototype.query as (...values: unknown[]) => unknown;
let passed = 0;
const die = () => process.kill(process.pid, 'SIGKILL');

Client.prototype.query = function (this: Client, ...values: unknown[]) {
  const here = isIt(values[0]);
  if (here && delayMs === null) die();
  const result = send.apply(this, values);
  if (here && delayMs === 'answered') void (result as Promise<unknown>).then(die);
  if (here && typeof delayMs === 'number') setTimeout(die, delayMs);
  return result;
} as typeof Client.prototype.query;

function isIt(statement: unknown): boolean {
  const next = typeof at === 'number' ? '' : at[passed];
  if (next === undefined || !(next === '' || String(statement).startsWith(next))) return false;
  passed += 1;
  return passed === (typeof at === 'number' ? at : at.length);
}

const context = stepContext({
  definition: definition ?? definitionOf(folder),
  folder: `${folder}/run`,
  home: folder,
  env,
});
const plain = { url: '$SHOP_URL', backup_url: '$SHOP_BACKUP_URL', admin_url: '$SHOP_ADMIN_URL' };
const [declared] = definition ? stores(definition) : [];
const store = declared ?? postgresStore('shop', plain);
if (act === 'backup') await store.backup(context, `${folder}/cut`);
if (act === 'standby') await store.standby(context);
if (act === 'swapIn') await store.swapIn(context, argument as StandbyRecord);
if (act === 'prove') await store.prove(context, folder, argument as StoreBackup);
if (act === 'restore') await store.restore(context, folder, argument as StoreBackup);
