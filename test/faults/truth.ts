import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readEvidence, verifyEvidence } from '../../src/lib/evidence.js';
import { readHistory } from '../../src/lib/history.js';
import type { Outcome, Plan } from '../../src/model.js';
import { until, type Ended, type Stand } from '../systems/stand.js';
import { ask, beside, databasesOf, differences, isOpen, readData, type Data } from './data.js';
import { processesOf } from './processes.js';

/** What a run should have come to, told from outside of it. */
export interface Expected {
  outcome: Outcome;
  /** What runs afterwards. */
  current: string;
  /** Lines that it should have left in the ledger: each start, stop, open and close once. */
  effects: string[];
  /** The data that must be there, row by row: all of it, or (`kept`) at least in these tables and columns. */
  data: Data;
  kept?: boolean;
}
/** Lost: what should have happened did not. Duplicated: it happened twice. Half: something stands between before and after. */
export interface Fault {
  is: 'lost' | 'duplicated' | 'half';
  text: string;
}

const migrations: Record<string, number> = { '1.0.0': 2, '2.0.0': 3, '3.0.0': 4 };

/** Compares the host after a run with what should be there; looks at files, processes, ports and the database, never at Temporal. */
export async function findFaults(
  stand: Stand,
  ended: Ended,
  ledgerBefore: string[],
  expected: Expected,
): Promise<Fault[]> {
  const faults: Fault[] = [];
  const note = (is: Fault['is'], text: string) => void faults.push({ is, text });
  if (ended.outcome !== expected.outcome || ended.current !== expected.current)
    note(
      'lost',
      `it ended ${ended.outcome} with ${ended.current}, not ${expected.outcome} with ${expected.current}: ${ended.reason}`,
    );
  compareEffects((await stand.ledger()).slice(ledgerBefore.length), expected.effects, note);
  await inspectRecords(stand, ended, note);
  await inspectDatabase(stand, ended.run ?? '', expected, note);
  await inspectSystem(stand, expected.current, note);
  return faults;
}

type Noting = (is: Fault['is'], text: string) => void;

function compareEffects(seen: string[], wanted: string[], note: Noting): void {
  if (seen.join() === wanted.join()) return;
  for (const line of new Set([...seen, ...wanted])) {
    const [times, due] = [seen, wanted].map((lines) => lines.filter((one) => one === line).length) as [number, number];
    if (times > due) note('duplicated', `"${line}" ran ${times} times, not ${due}`);
    if (times < due) note('lost', `"${line}" ran ${times} times, not ${due}`);
  }
  if (seen.length === wanted.length) note('half', `out of order: ${seen.join(', ')}`);
}

async function inspectRecords({ home }: Stand, { run, outcome }: Ended, note: Noting): Promise<void> {
  const folder = join(home, 'runs', run ?? 'none');
  const history = await readHistory(home);
  const lines = history.filter((entry) => entry.run === run);
  if (lines.length !== 1) note(lines.length > 1 ? 'duplicated' : 'lost', `${lines.length} lines in the history`);
  const verdict = await verifyEvidence(folder, lines[0]?.evidence);
  if (!verdict.ok) note('half', `the evidence is not whole: ${verdict.problem}`);
  const entries = await readEvidence(folder);
  for (const id of repeated(entries.map((entry) => entry.id))) note('duplicated', `evidence ${id}`);

  // Each command that changes something has one folder, one exit code and one entry.
  const commands = existsSync(join(folder, 'commands')) ? readdirSync(join(folder, 'commands')) : [];
  for (const name of commands) {
    if (!existsSync(join(folder, 'commands', name, 'exit'))) note('half', `command ${name} has no exit code`);
  }
  const noted = entries.filter((entry) => entry.kind === 'command' && entry.data.changes === true);
  if (noted.length !== commands.length)
    note(
      noted.length > commands.length ? 'duplicated' : 'lost',
      `${noted.length} entries of ${commands.length} commands`,
    );

  if (outcome === 'deployed' || outcome === 'done') {
    const { plan } = JSON.parse(readFileSync(join(folder, 'pinned.json'), 'utf8')) as { plan: Plan };
    const done = new Set(
      entries.flatMap(({ kind, data }) => (kind === 'step' && data.outcome === 'done' ? [data.step] : [])),
    );
    const missing = plan.steps.filter(
      (step) =>
        step.is !== 'gate' &&
        step.skip === undefined &&
        !['window', 'record', 'resolve'].includes(step.name) &&
        !done.has(step.name),
    );
    if (missing.length > 0) note('lost', `no entry of ${missing.map((step) => step.name).join(', ')}`);
  }
  if (existsSync(join(home, 'journal.json'))) note('half', 'the journal is still open');
}

async function inspectDatabase({ database }: Stand, run: string, expected: Expected, note: Noting): Promise<void> {
  for (const name of await databasesOf(database))
    if (/__[ptcd]_/.test(name)) note('half', `scratch database ${name} is left`);
  if (!(await isOpen(database))) return note('half', 'the live database is closed or gone');
  const applied = await ask<{ name: string }>(database.ownerUrl, 'SELECT name FROM "SequelizeMeta"');
  if (applied.length !== migrations[expected.current])
    note('half', `${applied.length} migrations are applied, not ${migrations[expected.current]}`);
  try {
    for (const text of differences(
      expected.data,
      await readData(database.ownerUrl, expected.kept ? expected.data : undefined),
    ))
      note('lost', text);
  } catch (error) {
    note('lost', `the rows cannot be read as before: ${String(error)}`);
  }
  const sessions = 'SELECT 1 FROM pg_stat_activity WHERE application_name = $1';
  await until(
    async () => (await ask(beside(database.superuserUrl), sessions, [`slipway:${run}`])).length === 0,
    5_000,
  ).catch(() => note('half', 'a session of the run is left'));
}

async function inspectSystem({ shop, home, state }: Stand, version: string, note: Noting): Promise<void> {
  const health = (await fetch(`${shop.url}/health`).then(
    (answer) => answer.json(),
    () => undefined,
  )) as { status?: string; version?: string } | undefined;
  if (health?.version !== version || health.status !== 'ok')
    note('half', `${JSON.stringify(health)} answers, not ${version}`);
  const git = (...argv: string[]) => execFileSync('git', argv, { cwd: shop.directory, encoding: 'utf8' }).trim();
  if (git('rev-parse', 'HEAD') !== shop.shas[version])
    note('half', `the checkout is at ${git('rev-parse', 'HEAD')}, not at ${version}`);
  if (git('status', '--porcelain') !== '') note('half', `the checkout is not clean: ${git('status', '--porcelain')}`);
  const ours = () => processesOf(dirname(state)).filter(({ command }) => !command.includes('worker-process.js'));
  const strangers = () => ours().filter(({ command }) => command !== 'node src/server.js');
  await until(async () => strangers().length === 0, 5_000).catch(() =>
    note(
      'half',
      `still running: ${strangers()
        .map(({ command }) => command)
        .join('; ')}`,
    ),
  );
  const servers = ours().length - strangers().length;
  if (servers !== 1) note(servers > 1 ? 'duplicated' : 'lost', `${servers} servers run`);
  // A lock of a process that died is taken over by whoever comes next; one of a living process would stop the next run.
  const held = readdirSync(home)
    .filter((name) => name.endsWith('.lock'))
    .filter((name) => processLives(join(home, name)));
  if (held.length > 0) note('half', `still locked: ${held.join(', ')}`);
}

function processLives(path: string): boolean {
  try {
    return existsSync(`/proc/${(JSON.parse(readFileSync(path, 'utf8')) as { pid: number }).pid}`);
  } catch {
    return false;
  }
}

function repeated(names: string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}
