import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import pg from 'pg';
import type { Question, Status } from '../../src/model.js';
import { until, type Stand } from './stand.js';

/** All that a release may change in an environment, and its host's records of it. */
export async function look({ shop, database, ledger, home }: Stand) {
  const git = (...argv: string[]) => execFileSync('git', ['-C', shop.directory, ...argv], { encoding: 'utf8' }).trim();
  return {
    ledger: await ledger(),
    rows: await rows(database.ownerUrl),
    head: git('rev-parse', 'HEAD'),
    changed: git('status', '--porcelain'),
    serves: await served(shop.url),
    closed: await served(shop.closedUrl),
    databases: await databases(database),
    journal: await readFile(join(home, 'journal.json'), 'utf8').catch(() => 'none'),
    history: await readFile(join(home, 'history.jsonl'), 'utf8').catch(() => 'none'),
  };
}

/** Every row of every table of the shop, as text. */
export async function rows(url: string): Promise<Record<string, string[]>> {
  const tables = await sql(
    url,
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1",
  );
  const found: Record<string, string[]> = {};
  for (const { name } of tables as { name: string }[])
    found[name] = (await sql(url, `SELECT t::text AS row FROM "${name}" t ORDER BY 1`)).map((one) => String(one.row));
  return found;
}

/** Names of the live database and of every copy, scratch and replaced one beside it. */
export async function databases({ superuserUrl, name }: Stand['database']): Promise<string[]> {
  return (
    await sql(superuserUrl, `SELECT datname FROM pg_database WHERE starts_with(datname, '${name}') ORDER BY 1`)
  ).map((row) => String(row.datname));
}

export async function sql(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

/** The version that answers there. */
export async function served(url: string): Promise<string> {
  try {
    return ((await (await fetch(`${url}/health`, { headers: { connection: 'close' } })).json()) as { version: string })
      .version;
  } catch {
    return 'nothing';
  }
}

export async function order({ shop }: Stand, item: string): Promise<void> {
  const headers = { authorization: `Bearer ${shop.token}`, 'content-type': 'application/json' };
  const answer = await fetch(`${shop.url}/orders`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ customer: 1, item, total_cents: 1999 }),
  });
  if (answer.status !== 201) throw new Error(`the order was answered ${answer.status}`);
}

/** Waits for a question, with the gates before it approved as ann. */
export async function asked(handle: WorkflowHandle, name: string): Promise<Question> {
  const said = new Set<string>();
  return until(async () => {
    const { questions, outcome, reason } = await handle.query<Status>('status');
    if (outcome) throw new Error(`it ended ${outcome}: ${reason}`);
    const found = questions.find((question) => question.name === name);
    for (const question of found ? [] : questions) {
      if (question.is !== 'gate' || said.has(question.name)) continue;
      said.add(question.name);
      await handle.signal('approve', { gate: question.name, by: 'ann', plan: question.plan });
    }
    return found;
  });
}

export async function approve(handle: WorkflowHandle, name: string): Promise<void> {
  await handle.signal('approve', { gate: name, by: 'ann', plan: (await asked(handle, name)).plan });
}
