import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeImages } from '../../../src/activities/source/images/record.js';
import type { Definition, Migrations, Release } from '../../../src/model.js';
import { freshDatabase, type TestDatabase } from '../../stack/database.js';
import { baseImage, docker, removeAll, uniqueName } from '../../stack/docker.js';
import { pythonPackages } from '../../stack/python.js';
import { commit, git } from '../source/repository.js';
import { definitionOf, stepContext, type TestStep } from '../step-context.js';

/** A compose project whose service `app` holds the code and the tools; the database is on this host. */
export interface InsideProject {
  name: string;
  directory: string;
  database: TestDatabase;
  /** The files as a release: a commit, and an image of the very same. */
  release(version: string, files: Record<string, string>): Release;
  /** Runs that release's container. */
  up(release: Release): void;
  stop(): void;
  step(
    migrations: Migrations,
    version: Release,
    previous: Release | null,
    at: Partial<TestStep['at']>,
    timeoutMs?: number,
  ): Promise<TestStep>;
  remove(): Promise<void>;
}

/** `modules`: a folder of node_modules. The tools are lent to the containers, so that an image is no more than its code. */
export async function makeInsideProject(modules: string): Promise<InsideProject> {
  const name = uniqueName();
  const root = mkdtempSync(join(tmpdir(), `${name}-`));
  const directory = join(root, 'live');
  const packages = await pythonPackages();
  const database = await freshDatabase();
  mkdirSync(directory);
  git(directory, 'init', '--quiet', '--initial-branch=main');
  const env = join(root, 'env');
  writeFileSync(env, `DATABASE_URL=${database.ownerUrl}\nGUARD=true\n`);
  const compose = `services:
  app:
    image: ${name}/app:live
    command: [sh, start.sh]
    stop_grace_period: 0s
    network_mode: host
    environment: { ALLOW: "\${ALLOW:-}", DATABASE_URL: "\${DATABASE_URL}", PYTHONPATH: /packages, PYTHONDONTWRITEBYTECODE: "1", NODE_ENV: production }
    volumes:
      - ${packages}:/packages:ro
      - ${modules}:/srv/node_modules:ro
      - ${process.execPath}:/usr/local/bin/node:ro
`;
  const run = (...argv: string[]) =>
    docker('compose', '--project-directory', directory, '--project-name', name, '--env-file', env, ...argv);
  return {
    name,
    directory,
    database,
    release(version, files) {
      for (const folder of ['db', 'migrations']) rmSync(join(directory, folder), { recursive: true, force: true });
      const Dockerfile = `FROM ${baseImage}\nCOPY . /srv/\nWORKDIR /srv\n`;
      const sha = commit(directory, {
        '.dockerignore': '.git\n',
        'start.sh': 'exec sleep infinity\n',
        'compose.yaml': compose,
        Dockerfile,
        VERSION: version,
        ...files,
      });
      const tag = `${name}/app:${version}`;
      docker('build', '--quiet', '--tag', tag, directory);
      return { version, sha, images: { app: { id: docker('image', 'inspect', '--format', '{{.Id}}', tag), tag } } };
    },
    up(release) {
      docker('tag', release.images!.app!.id, `${name}/app:live`);
      run('up', '--detach', '--force-recreate');
    },
    stop: () => void run('stop'),
    async step(migrations, version, previous, at, timeoutMs = 60_000) {
      const url = '$DATABASE_URL';
      const databases: Definition['databases'] = { main: { postgres: { url, backup_url: url, admin_url: url } } };
      const definition = definitionOf(directory, {
        databases,
        migrations,
        source: { git: {}, images: { app: { name: `${name}/app`, build: '.' } } },
        runtime: { compose: { project: name, services: ['app'], observeMs: 300, timeoutMs }, open: 'at_start' },
      });
      const before = previous && { ...previous, run: 'before' };
      const step = stepContext({ definition, folder: join(root, 'run'), home: root, env, at, previous: before });
      const placed = { ...step, run: { ...step.run, version } };
      for (const release of [version, before]) if (release) await writeImages(placed, release, release.images!);
      return placed;
    },
    async remove() {
      removeAll(name);
      await database.drop();
      rmSync(root, { recursive: true });
    },
  };
}

/** Names of the project's containers, those of single commands too. */
export function containersOf(name: string): string[] {
  return docker('ps', '--all', '--format', '{{.Names}}', '--filter', `label=com.docker.compose.project=${name}`).split(
    '\n',
  );
}
