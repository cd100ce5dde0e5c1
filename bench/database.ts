import { execFile } from 'node:child_process';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { exportSnapshot, storeDump } from '../src/activities/data/postgres/backup.js';
import { withSession } from '../src/activities/data/postgres/connect.js';
import { findTools } from '../src/lib/tools.js';
import type { Bench, Goal } from './lib/bench.js';
import { withLeads, type Leads } from './lib/leads.js';
import { prober } from './lib/prober.js';
import { interleave, pairedRatio, quantile, tableOf } from './lib/samples.js';

/** A8, A9, A10, C7 and the standby copy, each in turn with what people do without us. */
export const bench: Bench = {
  title: 'dump, copy, putting back and restore against pg_dump, zstd, cp and pg_restore',
  async measure({ rounds = 3, sizes = [100, 400], say }) {
    const texts: string[] = [];
    let goals: Goal[] = [];
    for (const size of sizes) {
      say(`  ${size} MB: filling`);
      await withLeads(size, async (leads) => {
        const [{ bytes } = {}] = await leads.sql('SELECT pg_database_size(current_database()) AS bytes');
        const measured = await measureAll(leads, rounds, say);
        texts.push(`${size} MB (${(Number(bytes) / 1e6).toFixed(0)} MB on disk)\n\n${measured.text}`);
        goals = [...goals, ...measured.goals.map((goal) => ({ ...goal, id: `${goal.id}@${size}MB` }))];
      });
    }
    return { text: texts.join('\n\n'), goals };
  },
};

const sh = promisify(execFile);
const verified = 'ours: restored, verified';
const restored = 'pg_restore -j2 into an empty database';

async function measureAll(
  leads: Leads,
  rounds: number,
  say: (line: string) => void,
): Promise<{ text: string; goals: Goal[] }> {
  const { folder, database, store, context } = leads;
  const tools = findTools();
  const version = await major(leads);
  const { path: pgDump } = await tools.postgres('pg_dump', version);
  const { path: pgRestore } = await tools.postgres('pg_restore', version);
  const { path: vacuumdb } = await tools.postgres('vacuumdb', version);
  const [plain, piped] = [join(folder, 'plain.dump'), join(folder, 'piped.zst')];
  let ours = { bytes: 0 };
  const pipe = (script: string, ...argv: string[]) => sh('bash', ['-c', `set -o pipefail; ${script}`, 'bash', ...argv]);

  say('  dumps');
  const dumps = await interleave(
    [
      { name: 'ours: dumped, hashed, decoded', run: async () => (ours = await dumpAndDecode(leads, pgRestore)) },
      { name: 'pg_dump -Fc', run: () => sh(pgDump, ['-Fc', '-f', plain, database.superuserUrl]) },
      {
        name: 'pg_dump -Fc -Z0 | zstd -1',
        run: () => pipe('"$1" -Fc -Z0 "$2" | zstd -1 -q -f -o "$3"', pgDump, database.superuserUrl, piped),
      },
      { name: 'ours: the whole backup, with its manifest', run: () => store.backup(context, folder) },
    ],
    rounds,
    say,
  );

  say('  restores');
  const backup = await store.backup(context, folder);
  const fresh = async () => {
    await leads.beside('DROP DATABASE IF EXISTS peer WITH (FORCE)');
    await leads.beside('CREATE DATABASE peer TEMPLATE template0');
  };
  const intoEmpty = async () => void (await fresh(), await sh(pgRestore, ['-j2', '-d', leads.urlOf('peer'), plain]));
  const restores = await interleave(
    [
      { name: verified, run: () => store.prove(context, folder, backup) },
      { name: restored, run: intoEmpty },
      {
        name: 'ours: restored beside, verified, analyzed',
        run: async () => {
          const { copy } = await store.restore(context, folder, backup);
          await leads.beside(`DROP DATABASE "${copy}"`);
        },
      },
      {
        name: 'pg_restore -j2 into an empty database, ANALYZE',
        run: async () => void (await intoEmpty(), await sh(vacuumdb, ['-qZ', '-j2', '-d', leads.urlOf('peer')])),
      },
    ],
    rounds,
    say,
  );
  await leads.beside('DROP DATABASE IF EXISTS peer WITH (FORCE)');

  say('  copies and swaps');
  const back = await swaps(leads, pgRestore, plain, rounds);
  const sizes = { ours: ours.bytes, plain: (await stat(plain)).size, piped: (await stat(piped)).size };
  const against = round(pairedRatio(dumps, 'ours: dumped, hashed, decoded', 'pg_dump -Fc'));
  const againstZstd = round(pairedRatio(dumps, 'ours: dumped, hashed, decoded', 'pg_dump -Fc -Z0 | zstd -1'));
  const restore = round(pairedRatio(restores, verified, restored));
  const putBack = round(quantile(back.ours, 0.5));
  const [quiet, busy] = [round(Math.max(...back.quiet)), round(Math.max(...back.busy))];
  const refused = round(Math.max(...back.refused));
  const mb = (bytes: number) => round(bytes / 1e6);
  return {
    text: [
      tableOf(dumps, 'pg_dump -Fc'),
      `size: ours ${mb(sizes.ours)} MB, pg_dump -Fc ${mb(sizes.plain)} MB, zstd -1 ${mb(sizes.piped)} MB`,
      tableOf(restores, restored),
      tableOf({ 'standby copy': back.copy, 'cp and sync of its files': back.cp }, 'cp and sync of its files'),
      tableOf({ 'ours: put back': back.ours, 'pg_restore --clean on live': back.clean }, 'pg_restore --clean on live'),
      `longest gap: ${quiet} ms with the application stopped, ${busy} ms with 20 clients reconnecting at once; --clean broke the application for ${round(Math.max(...back.broken))} ms`,
      `longest gap around a swap that is refused: ${refused} ms`,
    ].join('\n\n'),
    goals: [
      {
        id: 'A8 time',
        goal: 'dump hashed and decoded ≤ 0.3 × pg_dump -Fc',
        value: against,
        unit: '×',
        met: against <= 0.3,
      },
      {
        id: 'A8 size',
        goal: 'no larger than pg_dump -Fc',
        value: round(sizes.ours / sizes.plain),
        unit: '×',
        met: sizes.ours <= sizes.plain,
      },
      {
        id: 'A8 zstd',
        goal: '≤ 1.3 × pg_dump -Fc -Z0 | zstd -1',
        value: againstZstd,
        unit: '×',
        met: againstZstd <= 1.3,
      },
      { id: 'A9 time', goal: 'putting back ≤ 500 ms', value: putBack, unit: 'ms', met: putBack <= 500 },
      {
        id: 'A9 stopped',
        goal: 'a 1 kHz prober misses ≤ 50 ms with the application stopped',
        value: quiet,
        unit: 'ms',
        met: quiet <= 50,
      },
      {
        id: 'A9 clients',
        goal: '≤ 300 ms with 20 clients reconnecting at once',
        value: busy,
        unit: 'ms',
        met: busy <= 300,
      },
      {
        id: 'C7',
        goal: 'the old database answers ≤ 50 ms after a swap that is refused had closed it',
        value: refused,
        unit: 'ms',
        met: refused <= 50,
      },
      {
        id: 'A10',
        goal: 'restore from the backup, verified, ≤ 1.2 × pg_restore -j2',
        value: restore,
        unit: '×',
        met: restore <= 1.2,
      },
    ],
  };
}

async function major(leads: Leads): Promise<number> {
  const [row] = await leads.beside(`SELECT current_setting('server_version_num')::int / 10000 AS major`);
  return Number(row?.major);
}

/** Decoded to its last byte, against its checksum: on its way to the file, or by pg_restore, where pg_dump itself packed it. Its rows are read by the proof, apart. */
async function dumpAndDecode({ context, link, folder }: Leads, pgRestore: string): Promise<{ bytes: number }> {
  const stored = await withSession(link.backup, link.run, async (session) =>
    storeDump(context, link, session, await exportSnapshot(session), folder),
  );
  if (!stored.packed) await sh(pgRestore, ['-f', '/dev/null', join(folder, stored.file)]);
  return stored;
}

interface Swaps {
  copy: number[];
  cp: number[];
  ours: number[];
  quiet: number[];
  busy: number[];
  /** Longest gap around a swap that the server refuses. */
  refused: number[];
  clean: number[];
  broken: number[];
}

/** A swap with nobody there but a prober, one with 20 clients that reconnect at once, and `--clean` on the live database. */
async function swaps(leads: Leads, pgRestore: string, plain: string, rounds: number): Promise<Swaps> {
  const { store, context, database, data, folder } = leads;
  const seen: Swaps = { copy: [], cp: [], ours: [], quiet: [], busy: [], refused: [], clean: [], broken: [] };
  // Fails where rows are missing: an answer from half a database is none.
  const question =
    'SELECT 1 / (SELECT count(*) / 500 FROM orgs) / (SELECT count(*) FROM (SELECT FROM leads LIMIT 1) AS one)';
  const timed = async (act: () => Promise<unknown>) => {
    const began = performance.now();
    await act();
    return performance.now() - began;
  };
  for (let turn = 0; turn <= rounds; turn += 1) {
    const counts = turn > 0;
    for (const clients of [0, 20]) {
      const began = performance.now();
      const record = await store.standby(context);
      if (counts) seen.copy.push(performance.now() - began);
      const all = await Promise.all(
        clients === 0
          ? [prober(database.ownerUrl, question)]
          : Array.from({ length: clients }, () => prober(database.ownerUrl, question, 0)),
      );
      await sleep(300);
      all.forEach((one) => one.gap());
      const took = await timed(() => store.swapIn(context, record));
      await sleep(500);
      const gap = Math.max(...all.map((one) => one.gap()));
      await Promise.all(all.map((one) => one.stop()));
      if (counts) seen.ours.push(took);
      if (counts) seen[clients === 0 ? 'quiet' : 'busy'].push(gap);
      await leads.beside(`DROP DATABASE "${record.replaced}" WITH (FORCE)`);
    }
    const gapRefused = await refusedSwap(leads, question);
    if (counts) seen.refused.push(gapRefused);
    const [{ oid } = {}] = await leads.beside(`SELECT oid::text FROM pg_database WHERE datname = '${database.name}'`);
    await leads.beside('CHECKPOINT');
    const copied = await timed(() =>
      sh('bash', [
        '-c',
        'cp -r "$1" "$2" && sync "$2"/*',
        'bash',
        join(data, 'base', String(oid)),
        join(folder, 'files'),
      ]),
    );
    await rm(join(folder, 'files'), { recursive: true });
    const one = await prober(database.ownerUrl, question);
    one.gap();
    const cleaned = await timed(() => sh(pgRestore, ['--clean', '-j2', '-d', database.superuserUrl, plain]));
    const broken = one.gap();
    await one.stop();
    if (counts) {
      seen.cp.push(copied);
      seen.clean.push(cleaned);
      seen.broken.push(broken);
    }
  }
  return seen;
}

/** The copy's rename is refused when the live database is closed already and its own rename done: how long until that one answers again. */
async function refusedSwap(leads: Leads, question: string): Promise<number> {
  const { store, context, database } = leads;
  const record = await store.standby(context);
  await leads.beside(`ALTER DATABASE "${record.copy}" OWNER TO postgres`);
  const one = await prober(database.ownerUrl, question);
  await sleep(300);
  one.gap();
  const failed = await store.swapIn(context, record).then(
    () => undefined,
    (error: unknown) => String(error),
  );
  await sleep(500);
  const gap = one.gap();
  await one.stop();
  if (!failed?.includes('must be owner of database')) throw new Error(`the swap was not refused: ${failed}`);
  await leads.beside(`DROP DATABASE "${record.copy}" WITH (FORCE)`);
  return gap;
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
