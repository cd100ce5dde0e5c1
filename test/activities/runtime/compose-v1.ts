import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const version = '1.29.2';
const needs = [
  'dockerpty==0.4.1',
  'docopt==0.6.2',
  'PyYAML==6.0.2',
  'docker==5.0.3',
  'jsonschema==3.2.0',
  'attrs',
  'pyrsistent',
  'six',
  'setuptools<81',
];
const more = [
  'python-dotenv==0.21.1',
  'texttable==1.7.0',
  'websocket-client==0.59.0',
  'distro==1.9.0',
  'requests==2.28.2',
  'urllib3==1.26.20',
];
const below = ['charset-normalizer<4', 'idna', 'certifi'];

/** Writes a program `docker-compose` of v1 into that folder, the last one that there was. Its packages are fetched once. */
export function makeComposeV1(folder: string): string {
  const packages = new URL(`../../../.cache/docker-compose-${version}`, import.meta.url).pathname;
  if (!existsSync(packages)) {
    const making = `${packages}.${randomUUID().slice(0, 8)}`;
    // Its own word for PyYAML is one that no longer builds.
    const argv = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--no-deps',
      '--target',
      making,
      `docker-compose==${version}`,
      ...needs,
      ...more,
      ...below,
    ];
    const made = spawnSync('python3', argv, { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`docker-compose ${version} cannot be had: ${made.stderr}`);
    try {
      renameSync(making, packages);
    } catch {
      // Another test file was faster.
      rmSync(making, { recursive: true, force: true });
    }
  }
  const program = join(folder, 'docker-compose');
  writeFileSync(program, `#!/bin/sh\nPYTHONPATH=${packages} exec python3 -m compose "$@"\n`, { mode: 0o755 });
  return program;
}
