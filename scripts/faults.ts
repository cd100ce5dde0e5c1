// `npm run faults [-- GOAL] [--count N] [--seed N]`: goals of reliability at full counts; without a GOAL all of them. Ends with 1 after a fault.
import { acts, runDataCalls } from '../test/faults/data-calls.js';
import { randomInt } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPostgres, startTemporal } from '../src/lib/dev-servers.js';
import { kinds as corrupted } from '../test/faults/corrupted-live.js';
import { runCorruptions } from '../test/faults/corruptions.js';
import { installTool } from '../test/activities/migrations/sequelize-project.js';
import { kinds, points, type Kind } from '../test/faults/killable-migrations.js';
import { runMigrationKills } from '../test/faults/migration-kills.js';
import { runInterruptions } from '../test/faults/interruptions.js';
import { runKills } from '../test/faults/kills.js';
import { runOldProcesses } from '../test/faults/old-process.js';
import { runPutBacks } from '../test/faults/put-back.js';
import { runServiceKills } from '../test/faults/service-kills.js';
import { runServerKills } from '../test/faults/server-kills.js';
import { runStarts } from '../test/faults/starts.js';
import { runUnderSystemd } from '../test/faults/systemd.js';
import { runTakeovers } from '../test/faults/takeovers.js';
import { runWholeReleases } from '../test/faults/whole-releases.js';
import { strikeVersion, tryVersion } from '../test/faults/versions.js';
import { dockerWorks } from '../test/stack/docker.js';
import { majors, NotHere } from '../test/stack/postgres-versions.js';

interface Settings {
  seed: number;
  /** undefined: the goal's own. */
  count: number | undefined;
  servers: { temporal: string; postgres: string };
  say: (line: string) => void;
}

/** Each tells whether it was met. */
const goals: Record<string, (settings: Settings) => Promise<boolean>> = {
  async kills({ count = 40, ...settings }) {
    const totals = await runKills({ ...settings, count });
    const { runs, strikes: kills, late, lost, duplicated, half } = totals;
    settings.say(
      `kills: ${runs} runs, ${kills} kills (${late} after the end), ${lost} lost, ${duplicated} duplicated, ${half} half effects`,
    );
    return lost + duplicated + half === 0;
  },
  async B3({ count = 200, seed, servers, say }) {
    const { runs, kills, unequal } = await runPutBacks({ seed, count, superuser: servers.postgres, say });
    say(
      `B3: ${runs} failed releases taken back, ${kills} kills, ${unequal.length} differences from the database before`,
    );
    return unequal.length === 0;
  },
  /** B3, too: by the workflow and a worker's process, `count` over each kind of stores. Three of each took three minutes on two loaded cores. */
  async 'whole-releases'({ count = 100, ...settings }) {
    let met = true;
    for (const of of ['postgres', 'sqlite and files'] as const) {
      const { releases, killed, cancelled, unequal } = await runWholeReleases({ ...settings, count, of });
      settings.say(
        `whole-releases: ${of}: ${releases} failed releases, ${killed} workers killed and ${cancelled} runs cancelled at random steps, ${unequal.length} differences from the data before`,
      );
      met &&= unequal.length === 0;
    }
    return met;
  },
  async B7({ count = 1000, seed, servers, say }) {
    let met = true;
    for (const of of corrupted) {
      const { runs, served, kinds, faults } = await runCorruptions({
        seed,
        count,
        of,
        superuser: servers.postgres,
        say,
      });
      const told = Object.entries(kinds).map(([kind, times]) => `${times} ${kind}`);
      say(
        `B7: ${of}: ${runs} corruptions (${told.sort().join(', ')}), of which ${served} left a whole file in one of two places: ${faults.length} faults`,
      );
      met &&= faults.length === 0;
    }
    return met;
  },
  /** Each act on a SQLite file and files, killed before every one of its calls and in the middle of it, or out of room from there on; with `count` at so many of them. */
  async 'data-calls'({ count, seed, say }) {
    let met = true;
    for (const of of acts) {
      const { strikes, calls, faults } = await runDataCalls({
        of,
        seed,
        say,
        ...(count === undefined ? {} : { count }),
      });
      say(`data-calls: ${of}: ${strikes} kills and full disks at ${calls} calls, ${faults.length} faults`);
      met &&= faults.length === 0;
    }
    return met;
  },
  C1: (settings) =>
    migrationKills(
      'C1',
      kinds.filter((kind) => !kind.startsWith('sequelize-cli')),
      settings,
    ),
  C3: (settings) => migrationKills('C3', ['sequelize-cli', 'sequelize-cli on SQLite'], settings),
  B4: (settings) => takenOver('B4', 'pause', settings),
  B5: (settings) => takenOver('B5', 'kill', settings),
  async B6({ count = 100, servers, say }) {
    const { starts, refused, faults } = await runStarts({ count, servers });
    say(
      `B6: ${starts} simultaneous starts in two namespaces, ${refused} refused at once, one ran: ${faults.length} faults`,
    );
    for (const fault of faults) say(`     ${fault}`);
    return faults.length === 0;
  },
  async takeovers({ count = 24, ...settings }) {
    const totals = await runInterruptions({ ...settings, count, how: ['pause', 'kill'] });
    const { strikes, runs, running, attached, lost, duplicated, half } = totals;
    settings.say(
      `takeovers: ${strikes} workers interrupted at work in ${runs} runs, ${running} commands to adopt, ${attached} processes to be gone: ` +
        `${lost} lost, ${duplicated} duplicated, ${half} half effects`,
    );
    return lost + duplicated + half === 0;
  },
  async 'server-kills'({ count = 60, seed, say }) {
    const { runs, broken, orphans, faults } = await runServerKills({ seed, count, say });
    say(
      `server-kills: ${runs} kills, ${broken} in the middle, ${orphans} folders left and reported, ${faults.length} faults`,
    );
    return faults.length === 0;
  },
  /** The same where the database is inside a compose service, with the worker, the tool and the docker client killed, too. */
  async 'service-kills'({ count = 63, seed, say }) {
    if (!dockerWorks) {
      say('service-kills: left out, since no docker engine answers here');
      return true;
    }
    const { runs, broken, faults } = await runServiceKills({ seed, count, say });
    say(`service-kills: ${runs} kills, ${broken} in the middle, ${faults.length} faults`);
    return faults.length === 0;
  },
  async C16({ count = 100, seed, say }) {
    const { rounds, missed, refused } = await runOldProcesses({ seed, count, say });
    say(
      `C16: ${rounds - missed.length} of ${rounds} releases in which an old process answers with 200 are caught, ${refused.length} honest ones refused`,
    );
    return missed.length + refused.length === 0;
  },
  /** The shipped unit under a real systemd, in a container: a minute, and its image another one the first time. */
  async systemd({ servers, say }) {
    const faults = await runUnderSystemd({ temporal: servers.temporal, say });
    say(
      `systemd: ${faults.join('; ') || 'live commands and what was started outlive restarts and deaths of the worker'}`,
    );
    return faults.length === 0;
  },
  async versions({ seed, count = 20, say }) {
    let met = true;
    for (const major of majors) {
      try {
        const { server, programs, faults } = await tryVersion(major);
        say(
          `versions: PostgreSQL ${server} by ${programs.join(' and ')}: ${faults.join('; ') || 'all data came back equal'}`,
        );
        const { runs, kills, unequal } = await strikeVersion(major, { seed, count, say: () => undefined });
        for (const what of unequal) say(`     ${what}`);
        say(
          `versions: PostgreSQL ${server}: ${runs} failed releases taken back, ${kills} kills, ${unequal.length} differences from the database before`,
        );
        met &&= faults.length + unequal.length === 0;
      } catch (error) {
        if (!(error instanceof NotHere)) throw error;
        say(`versions: ${error.message}`);
      }
    }
    return met;
  },
};

process.exit(await main());

/** Workers paused or killed in the middle of an act, which another one takes over. */
async function takenOver(
  goal: string,
  how: 'pause' | 'kill',
  { seed, count = 200, servers, say }: Settings,
): Promise<boolean> {
  let met = true;
  for (const inside of [false, true]) {
    if (inside && !dockerWorks) {
      say(`${goal}: inside a container: left out, since no docker engine answers`);
      continue;
    }
    const made = await runTakeovers({ how, seed, count, inside, superuser: servers.postgres, say });
    const { trials, struck, running, attached, faults } = made;
    const where = inside ? ` inside a container, too (${made.inside} processes in there)` : '';
    say(
      `${goal}: ${trials} trials${where}, ${struck} struck at work, ${running} commands to adopt, ${attached} processes to be gone: ${faults.length} faults`,
    );
    met &&= faults.length === 0;
  }
  return met;
}

/** Migrations killed at a statement: `count` of them by each kind of tool, without it once at every point. */
async function migrationKills(
  goal: string,
  tools: readonly Kind[],
  { seed, count = points.length, servers, say }: Settings,
): Promise<boolean> {
  const sequelize = await installTool();
  const totals = { kills: 0, before: 0, between: 0, after: 0, faults: 0 };
  try {
    for (const kind of tools) {
      const { before, between, after, faults } = await runMigrationKills({ kind, modules: sequelize.modules, seed, count, superuser: servers.postgres, say }); // prettier-ignore
      for (const fault of faults) say(`     ${fault}`);
      totals.kills += count;
      totals.before += before;
      totals.between += between;
      totals.after += after;
      totals.faults += faults.length;
    }
  } finally {
    sequelize.remove();
  }
  const { kills, before, between, after, faults } = totals;
  say(
    `${goal}: ${kills} kills: ${before} as before, ${between} between revisions, ${after} all applied: ${faults} faults`,
  );
  return faults === 0;
}

async function main(): Promise<number> {
  const asked = readArguments();
  if (typeof asked === 'string') {
    console.error(asked);
    return 2;
  }
  const folder = await mkdtemp(join(tmpdir(), 'slipway-faults-'));
  await chmod(folder, 0o711); // PostgreSQL may run as another user
  const [temporal, postgres] = await Promise.all([
    startTemporal({ folder: join(folder, 'temporal'), headless: true }),
    startPostgres({ folder: join(folder, 'postgres') }),
  ]);
  try {
    let met = true;
    for (const name of asked.names) {
      console.log(`${name}: seed ${asked.seed}`);
      const servers = { temporal: temporal.address, postgres: postgres.superuserUrl };
      met =
        ((await goals[name]?.({ seed: asked.seed, count: asked.count, servers, say: (line) => console.log(line) })) ??
          false) &&
        met;
    }
    return met ? 0 : 1;
  } finally {
    await Promise.all([temporal.stop(), postgres.stop()]);
    await rm(folder, { recursive: true, force: true });
  }
}

function readArguments(): { names: string[]; seed: number; count: number | undefined } | string {
  const known = Object.keys(goals);
  const usage = `usage: npm run faults -- [GOAL] [--count N] [--seed N]; goals: ${known.join(', ')}`;
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { count: { type: 'string' }, seed: { type: 'string' } },
    });
    const unknown = positionals.find((name) => !known.includes(name));
    if (unknown !== undefined) return `there is no goal ${unknown}; known: ${known.join(', ')}`;
    const [count, seed] = [values.count, values.seed].map((text) => (text === undefined ? undefined : Number(text)));
    if ([count, seed].some((number) => number !== undefined && !Number.isSafeInteger(number)) || (count ?? 1) < 1)
      return `--count and --seed take whole numbers; ${usage}`;
    return { names: positionals.length > 0 ? positionals : known, seed: seed ?? randomInt(2 ** 31), count };
  } catch (error) {
    return `${(error as Error).message}; ${usage}`;
  }
}
