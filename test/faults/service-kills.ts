import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StandbyRecord, StoreBackup } from '../../src/activities/data/contract.js';
import { makeComposeShop, type ComposeShop } from '../activities/data/postgres/compose-shop.js';
import type { Killed } from '../activities/data/postgres/killed.js';
import type { TestStep } from '../activities/step-context.js';
import { compiled } from '../stack/compiled.js';
import { generator } from './generator.js';
import { processesOf } from './processes.js';

export interface ServiceKills {
  runs: number;
  /** Acts that the kill broke off; the others had ended. */
  broken: number;
  faults: string[];
}

type Act = Killed['act'];

/** What is killed: the worker; the tool inside, or the docker client that it was called by; the container of the server, or one of the server's processes. */
const victims = {
  worker: ['backup', 'prove', 'standby', 'swapIn', 'restore'],
  tool: ['backup', 'prove', 'restore'],
  client: ['backup', 'prove', 'restore'],
  container: ['backup', 'prove', 'standby', 'swapIn', 'restore'],
  backend: ['backup', 'prove', 'standby', 'swapIn', 'restore'],
} satisfies Record<string, Act[]>;
type Victim = keyof typeof victims;

const rows = 20_000;

/** A PostgreSQL inside a compose service, and something killed at a random moment of each act: the next attempt ends right, and nothing half is left, also not inside. */
export async function runServiceKills(options: {
  seed: number;
  count: number;
  say: (line: string) => void;
}): Promise<ServiceKills> {
  const random = generator(options.seed);
  const result: ServiceKills = { runs: 0, broken: 0, faults: [] };
  const shop = await makeComposeShop();
  try {
    await shop.sql('CREATE TABLE orders (id int PRIMARY KEY, text text)');
    await shop.sql(`INSERT INTO orders SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, ${rows}) i`);
    const backup = await shop.store.backup(shop.context, shop.folder);
    const all = shuffled(random);
    for (let turn = 0; turn < options.count; turn += 1) {
      const [victim, act] = all[turn % all.length]!;
      const { broken, faults } = await killIn(shop, backup, victim, act, random);
      const text = `${victim} killed in ${act}${broken ? '' : ', which had ended'}`;
      result.runs += 1;
      result.broken += Number(broken);
      result.faults.push(...faults.map((fault) => `${text}: ${fault}`));
      options.say(`${turn + 1}: ${[text, ...faults].join('; ')}`);
    }
    return result;
  } finally {
    shop.remove();
  }
}

/** Every victim in each act that it has a part in. */
function shuffled(random: () => number): [Victim, Act][] {
  const pairs = Object.entries(victims).flatMap(([victim, acts]) => acts.map((act) => [victim, act] as [Victim, Act]));
  return pairs
    .map((pair) => ({ pair, place: random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ pair }) => pair);
}

async function killIn(
  shop: ComposeShop,
  backup: StoreBackup,
  victim: Victim,
  act: Act,
  random: () => number,
): Promise<{ broken: boolean; faults: string[] }> {
  const { store, folder } = shop;
  const record = act === 'swapIn' ? await store.standby(shop.context) : undefined;
  if (record) await shop.sql('DELETE FROM orders WHERE id > 5');
  const cut = join(folder, 'cut');
  rmSync(cut, { recursive: true, force: true });
  mkdirSync(cut);
  const attempt = (context: TestStep): Promise<unknown> => {
    if (act === 'backup') return store.backup(context, cut);
    if (act === 'prove') return store.prove(context, folder, backup);
    if (act === 'restore') return store.restore(context, folder, backup);
    return record ? store.swapIn(context, record) : store.standby(context);
  };
  const part = random();
  const broken =
    victim === 'worker'
      ? await killWorker(shop, { act, argument: act === 'swapIn' ? record : backup, part })
      : await killBeside(shop, victim, act, part, () => attempt(shop.context));
  const made = await attempt(shop.again);

  const faults: string[] = [];
  const [{ n } = { n: 'nothing' }] = await shop
    .sql('SELECT count(*)::int AS n FROM orders')
    .catch((error: unknown) => [{ n: String(error) }]);
  if (n !== rows) faults.push(`the live database answers ${String(n)}`);
  if (record && (await store.live(shop.context)).oid !== record.copyOid)
    faults.push('the live database is not the copy');
  if (act === 'backup') await store.prove(shop.context, cut, made as StoreBackup);
  const copy = act === 'standby' || act === 'restore' ? (made as StandbyRecord).copy : record?.replaced;
  const others = (await shop.databases()).filter((name) => name !== shop.name && name !== copy);
  faults.push(...[...others, ...leftInside(shop), ...leftHere(shop, cut)].map((what) => `left: ${what}`));
  if (copy) await shop.beside(`DROP DATABASE "${copy}"`);
  return { broken, faults };
}

/** How long an act takes at most, from its first statement on. */
const longestMs: Record<Act, number> = { backup: 500, prove: 1_500, standby: 500, swapIn: 100, restore: 1_500 };

/** True if it was killed before it had ended. */
async function killWorker(
  { folder, definition }: ComposeShop,
  { act, argument, part }: Pick<Killed, 'act'> & { argument: Killed['argument']; part: number },
): Promise<boolean> {
  const program = await compiled(new URL('../activities/data/postgres/killed.ts', import.meta.url));
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'inherit', 'inherit'] });
  const what = { folder, env: join(folder, '.env'), definition, act, argument };
  child.stdin.end(JSON.stringify({ ...what, at: 1, delayMs: part * longestMs[act] }));
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return signal === 'SIGKILL';
}

/** Does the act while one beside it is killed. True if it failed by that. */
async function killBeside(
  shop: ComposeShop,
  victim: Exclude<Victim, 'worker'>,
  act: Act,
  part: number,
  attempt: () => Promise<unknown>,
): Promise<boolean> {
  const container = shop.container();
  const over = new AbortController();
  const doing = attempt()
    .then(
      () => false,
      () => true,
    )
    .finally(() => over.abort());
  const { signal } = over;
  if (victim === 'tool') await found(signal, () => killInside(shop, container, part));
  else if (victim === 'client') await found(signal, () => killClient(container, part));
  else {
    await found(signal, async () => (await sessionsOf(shop)).length > 0);
    await sleep(part * longestMs[act]);
    if (victim === 'backend') await killBackend(shop, container);
    else {
      shop.docker('kill', container);
      await doing;
      shop.docker('start', container);
      await shop.answering();
    }
  }
  return doing;
}

/** Until it is there, or the act has ended. */
async function found(over: AbortSignal, look: () => Promise<boolean>): Promise<void> {
  while (!over.aborted && !(await look())) await sleep(5);
}

/** Both write or read all of the data. */
const atWork = /--format=custom|--exit-on-error/;

/** False where none is at work. */
async function killInside({ docker }: ComposeShop, container: string, part: number): Promise<boolean> {
  const pid = tools(docker('top', container, '-eo', 'pid,args'))[0];
  if (pid === undefined) return false;
  await sleep(part * 100);
  killed(Number(pid));
  return true;
}

async function killClient(container: string, part: number): Promise<boolean> {
  const client = processesOf(container).find(({ command }) => atWork.test(command));
  if (!client) return false;
  await sleep(part * 100);
  killed(client.pid);
  return true;
}

async function killBackend(shop: ComposeShop, container: string): Promise<void> {
  const [session] = await sessionsOf(shop);
  if (session !== undefined) shop.docker('exec', container, 'sh', '-c', 'kill -9 "$1" || true', 'sh', String(session));
  await shop.answering();
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It had ended.
  }
}

/** Lines of `docker top`: pids as this host counts them. */
function tools(listed: string): string[] {
  return listed.split('\n').flatMap((line) => {
    const [, pid, command = ''] = /^\s*(\d+)\s+(.*)/.exec(line) ?? [];
    return pid !== undefined && /^\S*pg_(dump|restore) /.test(command) && atWork.test(command) ? [pid] : [];
  });
}

async function sessionsOf(shop: ComposeShop): Promise<number[]> {
  const text = `SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'slipway:%'`;
  return (await shop.beside(text).catch(() => [])).map(({ pid }) => Number(pid));
}

function leftInside(shop: ComposeShop): string[] {
  const container = shop.container();
  const files = shop.docker('exec', container, 'ls', '/tmp').split('\n');
  const running = tools(shop.docker('top', container, '-eo', 'pid,args'));
  return [...files.filter((name) => name.includes('slipway')), ...running.map((pid) => `process ${pid} inside`)];
}

function leftHere({ folder }: ComposeShop, cut: string): string[] {
  const plain = join(folder, 'run', 'plain');
  return [
    ...(existsSync(plain) ? readdirSync(plain) : []),
    ...readdirSync(cut).filter((name) => name.endsWith('.part')),
  ];
}
