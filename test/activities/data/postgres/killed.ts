/** A process that kills itself in the middle of an act: at the n-th statement that it sends, before sending or `delayMs` after. */
import { readFileSync } from 'node:fs';
import { Client } from 'pg';
import type { StandbyRecord, StoreBackup } from '../../../../src/activities/data/contract.js';
import { postgresStore } from '../../../../src/activities/data/postgres/store.js';
import { definitionOf, stepContext } from '../../step-context.js';

export interface Killed {
  folder: string;
  env: string;
  act: 'backup' | 'standby' | 'swapIn' | 'prove' | 'restore';
  argument?: StandbyRecord | StoreBackup;
  at: number;
  /** null: before the statement is sent. */
  delayMs: number | null;
}

const { folder, env, act, argument, at, delayMs } = JSON.parse(readFileSync(0, 'utf8')) as Killed;
// eslint-disable-next-line @typescript-eslint/unbound-method
const send = Client.prototype.query as (...values: unknown[]) => unknown;
let sent = 0;
const die = () => process.kill(process.pid, 'SIGKILL');

Client.prototype.query = function (this: Client, ...values: unknown[]) {
  sent += 1;
  if (sent === at && delayMs === null) die();
  const result = send.apply(this, values);
  if (sent === at && delayMs !== null) setTimeout(die, delayMs);
  return result;
} as typeof Client.prototype.query;

const context = stepContext({ definition: definitionOf(folder), folder: `${folder}/run`, home: folder, env });
const store = postgresStore('shop', { url: '$SHOP_URL', backup_url: '$SHOP_BACKUP_URL', admin_url: '$SHOP_ADMIN_URL' });
if (act === 'backup') await store.backup(context, `${folder}/cut`);
if (act === 'standby') await store.standby(context);
if (act === 'swapIn') await store.swapIn(context, argument as StandbyRecord);
if (act === 'prove') await store.prove(context, folder, argument as StoreBackup);
if (act === 'restore') await store.restore(context, folder, argument as StoreBackup);
