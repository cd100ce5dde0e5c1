import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../../src/lib/server-process.js';

export interface Shop {
  /** Folder of definitions; `people.yaml` lies beside it. */
  systems: string;
  /** The live checkout: a clone with nothing deployed. */
  directory: string;
  /** Bare repository with the tags v1.0.0, v2.0.0, v3.0.0. */
  origin: string;
  /** Commit of each version; the same on every machine. */
  shas: Record<string, string>;
  publicPort: number;
  closedPort: number;
  /** Where users come in. */
  url: string;
  /** Where the closed shop answers. */
  closedUrl: string;
  /** Secret of this shop, for requests that write. */
  token: string;
}

const VERSIONS = ['1.0.0', '2.0.0', '3.0.0'];
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Makes the shop in `folder`: origin, clone, `.env`, definition. Three connections to one empty database; free ports unless given. */
export async function buildShop(options: {
  folder: string;
  databaseUrls: { owner: string; backup: string; admin: string };
  publicPort?: number;
  closedPort?: number;
}): Promise<Shop> {
  const { folder, databaseUrls } = options;
  const [directory, systems] = [join(folder, 'live'), join(folder, 'systems')];
  await mkdir(folder, { recursive: true });
  const { origin, shas } = await makeOrigin(folder);
  await git(folder, 'clone', '--quiet', '--no-checkout', origin, directory);
  await git(directory, 'checkout', '--quiet', '--detach', shas['']!);

  const publicPort = options.publicPort ?? (await freePort());
  const closedPort = options.closedPort ?? (await freePort());
  const token = randomBytes(18).toString('base64url');
  const variables = {
    DATABASE_URL: databaseUrls.owner,
    SHOP_BACKUP_URL: databaseUrls.backup,
    SHOP_ADMIN_URL: databaseUrls.admin,
    SHOP_TOKEN: token,
    PORT: publicPort,
    CLOSED_PORT: closedPort,
  };
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(join(directory, '.env'), lines.join(''), { mode: 0o600 });

  await mkdir(systems, { recursive: true });
  const facts = { '/srv/shop': directory, 8080: publicPort, 8081: closedPort };
  let definition = await readFile(here('systems/shop.yaml'), 'utf8');
  for (const [example, fact] of Object.entries(facts)) definition = definition.replaceAll(example, String(fact));
  // The folder of schemas is not beside the copy.
  await writeFile(join(systems, 'shop.yaml'), definition.replace(/^# yaml-language-server.*\n/, ''));
  await cp(here('people.yaml'), join(folder, 'people.yaml'));

  const [url, closedUrl] = [publicPort, closedPort].map((port) => `http://127.0.0.1:${port}`) as [string, string];
  return { systems, directory, origin, shas, publicPort, closedPort, url, closedUrl, token };
}

/** One commit before anything was built (its SHA is under the empty name), then one for each version, with its tag. */
async function makeOrigin(folder: string): Promise<{ origin: string; shas: Record<string, string> }> {
  const [work, origin] = [join(folder, 'work'), join(folder, 'origin.git')];
  const shas: Record<string, string> = {};
  await mkdir(work);
  await git(work, 'init', '--quiet', '--initial-branch=main');
  const commit = async (name: string, message: string): Promise<void> => {
    await git(work, 'add', '--all');
    await git(work, 'commit', '--quiet', '--message', message);
    shas[name] = await git(work, 'rev-parse', 'HEAD');
  };

  for (const file of ['README.md', '.gitignore']) await cp(here(`versions/1.0.0/${file}`), join(work, file));
  await commit('', 'An empty shop');
  for (const version of VERSIONS) {
    await cp(here(`versions/${version}`), work, { recursive: true, filter: (path) => !path.includes('node_modules') });
    await sameModes(work);
    await commit(version, `Release ${version}`);
    await git(work, 'tag', '--annotate', `v${version}`, '--message', `Shop ${version}`);
  }
  await git(folder, 'clone', '--quiet', '--bare', work, origin);
  await rm(work, { recursive: true });
  return { origin, shas };
}

/** A copy of this project may have other modes, and a commit's SHA depends on them. */
async function sameModes(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.name === '.git') continue;
    if (entry.isDirectory()) await sameModes(path);
    else await chmod(path, 0o644);
  }
}

/** Git without anybody's configuration, at a fixed time, so that the SHAs are the same everywhere. */
async function git(cwd: string, ...argv: string[]): Promise<string> {
  const person = { NAME: 'Shop', EMAIL: 'shop@example.com', DATE: '2026-06-01T09:00:00Z' };
  const identity = Object.fromEntries(
    Object.entries(person).flatMap(([key, value]) => [
      [`GIT_AUTHOR_${key}`, value],
      [`GIT_COMMITTER_${key}`, value],
    ]),
  );
  const env = { PATH: process.env.PATH, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', ...identity };
  return (await promisify(execFile)('git', argv, { cwd, env })).stdout.trim();
}
