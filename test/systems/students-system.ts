import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../src/lib/server-process.js';
import { git } from '../activities/source/repository.js';
import { docker, removeAll, uniqueName } from '../stack/docker.js';
import { pythonImage } from '../stack/python.js';
import { serve, type Served } from './serve.js';

/**
 * Students in one container that a script runs and that migrates itself when it starts, with SQLite in a volume and photos in a folder.
 * 1.1.0 adds a column; 1.2.0 rewrites the grades in a way that its own code cannot read.
 */
export interface StudentsSystem extends Served {
  /** Of the container, its image and its volume. */
  name: string;
  directory: string;
  url: string;
  password: string;
}

const here = (path: string): string => fileURLToPath(new URL(`students/${path}`, import.meta.url));

export async function withStudents(use: (system: StudentsSystem) => Promise<void>): Promise<void> {
  const name = uniqueName();
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  const [directory, systems, state] = ['live', 'systems', 'state'].map((part) => join(folder, part)) as [string, string, string];
  const port = await freePort();
  const password = randomBytes(9).toString('base64url');
  makeCheckout(folder, directory, await pythonImage());
  const env = {
    SECRET_KEY: `${password}${randomBytes(36).toString('base64url')}`,
    SMOKE_PASSWORD: password,
    DATABASE_URL: 'sqlite:////data/students.db',
    CONTAINER: name,
    VOLUME: name,
    IMAGE: name,
    PORT: port,
  };
  const lines = Object.entries(env).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(join(directory, '.env'), lines.join(''), { mode: 0o600 });
  mkdirSync(systems);
  const facts = { NAME: name, DIRECTORY: directory, PORT: String(port) };
  const yaml = readFileSync(here('students.yaml'), 'utf8').replaceAll(/\b(NAME|DIRECTORY|PORT)\b/g, (word) => facts[word as keyof typeof facts]);
  writeFileSync(join(systems, 'students.yaml'), yaml);
  cpSync(here('people.yaml'), join(folder, 'people.yaml'));
  docker('volume', 'create', name);
  const served = await serve('students/test', { systems, state });
  try {
    await use({ ...served, name, directory, password, url: `http://127.0.0.1:${port}` });
  } finally {
    await served.close();
    removeAll(name);
    removePins(join(served.home, 'runs'));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Their names hold the environment's, which other tests may have, and the run's. */
function removePins(runs: string): void {
  const pins = docker('images', '--format', '{{.Repository}}:{{.Tag}}', 'slipway/students/test/students').split('\n');
  const ours = readdirSync(runs).map((run) => `slipway/students/test/students:${run}`);
  const left = pins.filter((pin) => ours.includes(pin));
  if (left.length > 0) docker('rmi', ...left);
}

/** Tags v1.0.0, v1.1.0 and v1.2.0, and a checkout with nothing deployed. */
function makeCheckout(folder: string, directory: string, base: string): void {
  const work = join(folder, 'work');
  mkdirSync(work);
  git(work, 'init', '--quiet', '--initial-branch=main');
  const commit = (message: string) => {
    git(work, 'add', '--all');
    git(work, 'commit', '--quiet', '--message', message);
  };
  cpSync(here('versions/1.0.0/.gitignore'), join(work, '.gitignore'));
  commit('An empty school');
  for (const version of ['1.0.0', '1.1.0', '1.2.0']) {
    cpSync(here(`versions/${version}`), work, { recursive: true });
    const path = join(work, 'docker/Dockerfile.fullstack');
    writeFileSync(path, readFileSync(path, 'utf8').replace(/^ARG BASE\nFROM .*/, `FROM ${base}`));
    commit(`Release ${version}`);
    git(work, 'tag', '--annotate', `v${version}`, '--message', version);
  }
  git(folder, 'clone', '--quiet', '--bare', work, 'origin.git');
  git(folder, 'clone', '--quiet', '--no-checkout', 'origin.git', directory);
  git(directory, 'checkout', '--quiet', '--detach', 'v1.0.0~1');
}
