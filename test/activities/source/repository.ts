import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Definition, GitSource, Release } from '../../../src/model.js';
import { definitionOf, stepContext, type TestStep } from '../step-context.js';

/** An origin with two releases, its clone as the live checkout, and a run's folder. */
export interface Repository {
  origin: string;
  live: string;
  folder: string;
  one: Release;
  two: Release;
  definition: Definition;
  step(at?: Parameters<typeof stepContext>[0]['at']): TestStep;
  remove(): void;
}

const files = {
  one: {
    VERSION: '1.0.0\n',
    'app.js': 'one\n',
    'CHANGELOG.md': '# 1.0.0\n',
    '.gitignore': '.env\nnode_modules/\ndata/\n',
    'migrations/001-a.js': '',
    'docs/notes.md': 'notes\n',
    'old.js': 'old\n',
  },
  two: {
    VERSION: '2.0.0\n',
    'app.js': 'two\n',
    'CHANGELOG.md': '# 2.0.0\n# 1.0.0\n',
    'migrations/002-b.js': '',
    'new.js': 'new\n',
  },
};

/** `npm ci` of this repository: what it makes tells the version that it was made for. */
const install = ['sh', '-c', 'mkdir -p node_modules && cp VERSION node_modules/version'];

export function makeRepository(source: GitSource = {}, runs = tmpdir()): Repository {
  const root = mkdtempSync(join(tmpdir(), 'slipway-git-'));
  const away = mkdtempSync(join(runs, 'slipway-run-'));
  const [origin, live, folder] = [join(root, 'origin'), join(root, 'live'), join(away, 'run')];
  mkdirSync(origin);
  git(origin, 'init', '--quiet', '--initial-branch=main');
  const one = { version: '1.0.0', sha: commit(origin, files.one) };
  git(origin, 'tag', '-a', 'v1.0.0', '-m', 'one');
  git(root, 'clone', '--quiet', origin, live);
  git(live, 'checkout', '--quiet', '--detach', 'v1.0.0');
  git(origin, 'rm', '--quiet', 'old.js');
  const two = { version: '2.0.0', sha: commit(origin, files.two) };
  git(origin, 'tag', '-a', 'v2.0.0', '-m', 'two');
  git(live, 'fetch', '--quiet', '--tags');
  write(live, { '.env': 'TOKEN=kept\n', 'data/app.db': 'rows', 'node_modules/version': '1.0.0\n' });
  const definition = definitionOf(live, {
    source: { git: { install: [install], installs: ['node_modules'], ...source } },
  });
  return {
    ...{ origin, live, folder, one, two, definition },
    step: (at) => stepContext({ definition, folder, home: away, at, previous: one }),
    remove: () => [root, away].forEach((path) => rmSync(path, { recursive: true, force: true })),
  };
}

/** Commits the files and returns the SHA. */
export function commit(directory: string, content: Record<string, string>): string {
  write(directory, content);
  git(directory, 'add', '--all', '--force');
  git(directory, 'commit', '--quiet', '--message', 'change');
  return git(directory, 'rev-parse', 'HEAD');
}

export function git(directory: string, ...args: string[]): string {
  const who = ['-c', 'user.name=Ann', '-c', 'user.email=ann@example.com', '-c', 'commit.gpgsign=false'];
  return execFileSync('git', ['-C', directory, ...who, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

export function write(directory: string, content: Record<string, string>): void {
  for (const [name, text] of Object.entries(content)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
}
