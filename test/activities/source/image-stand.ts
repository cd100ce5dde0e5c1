import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Definition } from '../../../src/model.js';
import { docker } from '../../stack/docker.js';
import { stepContext, type TestStep } from '../step-context.js';
import { commit, git, makeRepository, write, type Repository } from './repository.js';

/** A repository whose releases hold Dockerfiles, and a name of its own for all that the engine keeps. */
export interface ImageStand extends Repository {
  /** Unique: system, image names and containers start with it. */
  name: string;
  step(at?: Parameters<Repository['step']>[0], run?: Partial<TestStep['run']>): TestStep;
  /** Builds an image of one file without any base, and tags it. */
  image(tag: string, files: Record<string, string>): string;
  idOf(reference: string): string;
  /** A container that runs, as compose would have started it. */
  serve(image: string, service?: string): string;
}

export function makeImageStand(source: Definition['source'] = {}, parts: Partial<Definition> = {}): ImageStand {
  const name = `slipway-test-${randomBytes(4).toString('hex')}`;
  const made = new Set<string>();
  const repository = makeRepository();
  const { live, origin } = repository;
  for (const [which, version] of [
    ['one', '1.0.0'],
    ['two', '2.0.0'],
  ] as const) {
    git(origin, 'checkout', '--quiet', '--detach', `v${version}`);
    const sha = commit(origin, {
      Dockerfile: 'FROM scratch\nCOPY VERSION migrations /srv/\nWORKDIR /srv\nCMD ["/none"]\n',
      'client/Dockerfile': `FROM scratch\nCOPY page /page\n`,
      'client/page': `${version}\n`,
    });
    git(origin, 'tag', '--force', '-a', `v${version}`, '-m', which);
    repository[which] = { version, sha };
  }
  git(live, 'fetch', '--quiet', '--tags', '--force');
  git(live, 'checkout', '--quiet', '--detach', repository.one.sha);
  const definition: Definition = {
    ...repository.definition,
    system: name,
    environment: `${name}/production`,
    runtime: { compose: { project: name, observeMs: 0, timeoutMs: 60_000 }, open: 'at_start' },
    source: {
      git: { version_file: 'VERSION' },
      images: {
        backend: { name: `${name}/backend`, build: '.' },
        frontend: { name: `${name}/client`, build: 'client' },
      },
      ...source,
    },
    ...parts,
  };
  const home = join(mkdtempSync(join(tmpdir(), 'slipway-home-')), 'production');
  mkdirSync(home);
  return {
    ...repository,
    name,
    definition,
    step: (at, run = {}) => {
      const step = stepContext({ definition, folder: repository.folder, home, at, previous: null });
      return { ...step, run: { ...step.run, version: repository.two, ...run } };
    },
    image: (tag, files) => {
      const id = buildImage(tag, files);
      made.add(id);
      return id;
    },
    idOf,
    serve: (image, service = 'backend') => {
      const labels = [`project=${name}`, `service=${service}`, 'oneoff=False'];
      const options = labels.flatMap((label) => ['--label', `com.docker.compose.${label}`]);
      return docker(
        'run',
        '--detach',
        '--init',
        ...options,
        '--name',
        `${name}-${service}-${randomBytes(2).toString('hex')}`,
        image,
        'sleep',
        '600',
      );
    },
    remove: () => {
      const containers = dockerLines('ps', '--all', '--quiet', '--filter', `name=${name}`);
      if (containers.length > 0) docker('rm', '--force', ...containers);
      const named = dockerLines('images', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}').filter((line) =>
        line.includes(name),
      );
      const references = named.map((line) => line.split(line.includes('<none>') ? /^.* / : / .*$/).join(''));
      for (const reference of [...references, ...made]) spawnSync('docker', ['rmi', '--force', reference]);
      rmSync(join(home, '..'), { recursive: true, force: true });
      repository.remove();
    },
  };
}

export function idOf(reference: string): string {
  return docker('image', 'inspect', '--format', '{{.Id}}', reference);
}

function buildImage(tag: string, files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-build-'));
  try {
    write(folder, { Dockerfile: 'FROM scratch\nCOPY . /\n', ...files });
    docker('build', '--quiet', '--tag', tag, folder);
    return idOf(tag);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function dockerLines(...args: string[]): string[] {
  return docker(...args)
    .split('\n')
    .filter(Boolean);
}
