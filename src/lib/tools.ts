import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fail } from '../errors.js';

/** Programs that Slipway runs but does not ship. Paths are absolute; nothing is remembered, so a program put there later is found. */
export interface Tools {
  /**
   * Looks at the setting (`SLIPWAY_TEMPORAL` for `temporal`, `SLIPWAY_POSTGRES_BIN` for all of PostgreSQL), PATH, for PostgreSQL the
   * newest of /usr/lib/postgresql, then the cache that `npm run setup` fills. Throws ToolMissing; also for a setting that names no program.
   */
  find(name: string): Promise<string>;
  /**
   * A program of PostgreSQL for a server of that major version: the same major where there is one, else the next newer. pg_dump refuses
   * a newer server; pg_restore from 17 on sets a parameter that older servers do not know.
   * Throws ToolMissing. A setting is obeyed, and refused when it is too old.
   */
  postgres(name: string, serverMajor: number): Promise<{ path: string; major: number }>;
}

type Settings = Record<string, string | undefined>;

const DEBIAN = '/usr/lib/postgresql';
const POSTGRES = new Set(
  `clusterdb createdb createuser dropdb dropuser initdb pg_basebackup pg_config pg_controldata pg_ctl pg_dump pg_dumpall pg_isready
   pg_restore pg_verifybackup pgbench postgres psql reindexdb vacuumdb`.split(/\s+/),
);

/** @param settings the environment variables to obey */
export function findTools(settings: Settings = process.env): Tools {
  return {
    async find(name) {
      const set = settingOf(name, settings);
      if (set) return obey(set);
      for await (const path of places(name, settings)) return path;
      throw missing(name);
    },
    async postgres(name, serverMajor) {
      const set = settingOf(name, settings);
      const seen: { path: string; major: number }[] = [];
      for await (const path of set ? [await obey(set)] : places(name, settings)) {
        const major = await majorOf(path);
        if (major === serverMajor) return { path, major };
        seen.push({ path, major });
      }
      if (seen.length === 0) throw missing(name);
      const [oldest] = seen.filter(({ major }) => major > serverMajor).sort((a, b) => a.major - b.major);
      if (oldest) return oldest;
      throw tooOld(name, Math.max(...seen.map(({ major }) => major)), serverMajor);
    },
  };
}

/** Where `npm run setup` puts what it fetches; the second serves root whose checkout other users cannot enter. */
export function cacheFolders(settings: Settings = process.env): string[] {
  if (settings.SLIPWAY_CACHE) return [settings.SLIPWAY_CACHE];
  const project = fileURLToPath(new URL('../../', import.meta.url));
  return [join(project, '.cache'), '/var/cache/slipway'];
}

interface Setting {
  variable: string;
  path: string;
}

function settingOf(name: string, settings: Settings): Setting | undefined {
  const variable = `SLIPWAY_${name.toUpperCase().replaceAll('-', '_')}`;
  if (settings[variable]) return { variable, path: settings[variable] };
  if (!POSTGRES.has(name) || !settings.SLIPWAY_POSTGRES_BIN) return undefined;
  return { variable: 'SLIPWAY_POSTGRES_BIN', path: join(settings.SLIPWAY_POSTGRES_BIN, name) };
}

/** A wrong setting is refused, never passed over: another program than the one that was asked for would run. */
async function obey({ variable, path }: Setting): Promise<string> {
  if (isAbsolute(path) && (await isProgram(path))) return path;
  throw fail('ToolMissing', `${variable} is set, but ${path} is not a program: correct it or unset ${variable}`);
}

async function* places(name: string, settings: Settings): AsyncGenerator<string> {
  // SLIPWAY_IGNORE_PATH tries the cache on a machine that has everything.
  const folders = settings.SLIPWAY_IGNORE_PATH ? [] : (settings.PATH ?? '').split(delimiter).filter(isAbsolute);
  if (POSTGRES.has(name) && !settings.SLIPWAY_IGNORE_PATH) folders.push(...(await versionsIn(DEBIAN)));
  for (const cache of cacheFolders(settings)) {
    if (POSTGRES.has(name)) folders.push(...(await versionsIn(join(cache, 'postgresql'))));
    folders.push(join(cache, 'bin'));
  }
  for (const folder of folders) if (await isProgram(join(folder, name))) yield join(folder, name);
}

/** `<folder>/<major>/bin`, newest first. */
async function versionsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  const majors = names.filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(b) - Number(a));
  return majors.map((major) => join(folder, major, 'bin'));
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** 0 where it does not say: Debian's wrapper without a server package, for one. */
async function majorOf(path: string): Promise<number> {
  const said = await promisify(execFile)(path, ['--version'], { timeout: 10_000 }).catch(() => ({ stdout: '' }));
  return Number(/\) (\d+)/.exec(said.stdout)?.[1] ?? 0);
}

function tooOld(name: string, newest: number, wanted: number): Error {
  const how = `install postgresql-client-${wanted}, or set SLIPWAY_POSTGRES_BIN to its folder`;
  return fail('ToolMissing', `${name} ${newest} is too old for a PostgreSQL ${wanted} server: ${how}`);
}

function missing(name: string): Error {
  const setting = POSTGRES.has(name) ? 'POSTGRES_BIN' : name.toUpperCase().replaceAll('-', '_');
  const fetched = POSTGRES.has(name) || name.startsWith('temporal');
  const how = fetched
    ? `set SLIPWAY_${setting}, put it on PATH, or run \`npm run setup\``
    : `install it, or set SLIPWAY_${setting} to its path`;
  return fail('ToolMissing', `${name} is not on this host: ${how}`);
}
