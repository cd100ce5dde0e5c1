import { existsSync } from 'node:fs';
import { lstat, mkdir, readdir, rm, symlink, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fail } from '../../../errors.js';
import { readJson, sha256File, writeAtomic } from '../../../lib/files.js';
import type { Release } from '../../../model.js';
import { failuresIn, type StepContext } from '../../context.js';
import { gitEnvironment, isCheckout } from '../../source/git-command.js';
import { composeFiles, composeOf, hasFiles } from './arguments.js';
import { judgeProject } from './checks.js';
import { differences } from './differences.js';
import { pinForeign, refuseMoved } from './foreign.js';
import { comingLine, configLine, place, readProject, type Config, type Project } from './project.js';

/**
 * The staged release's compose files, resolved and checked as `start` will meet them, while the version before still serves. Notes what they are,
 * for `start` to compare, and pins what other images they name. Returns what of the configuration changes, by the names of its keys. Throws BadDefinition,
 * naming all that is wrong.
 */
export async function checkComing(
  context: StepContext,
  release: Release,
  agreed?: string[],
): Promise<string | undefined> {
  const { definition } = context;
  const live = context.run.previous && hasFiles(definition) ? await readProject(context) : undefined;
  if (live && agreed) {
    refuseChanged(context, live, agreed);
    await refuseMoved(context, live, agreed);
  }
  if (!definition.source.git) {
    // Images alone bring no compose file: preflight has seen the one that stays.
    if (live) await pinForeign(context, release, live, live);
    return undefined;
  }
  const root = join(context.folder, 'coming', release.sha);
  return withComing(context, release, context.staged(release), root, async (coming, project, config) => {
    if (agreed) await refuseUnannounced(context, release, project, config, agreed);
    const failures = failuresIn(await judgeProject(coming, place(context)));
    if (failures) throw fail('BadDefinition', `${release.version} cannot be started: ${failures}`);
    await pinForeign(context, release, project, live);
    await writeAtomic(notePath(context, release), JSON.stringify(await hashes(coming)));
    return live && tellChange(live.config, config);
  });
}

/**
 * A release's compose files, resolved as `start` will meet them: those of its code, with what lies untracked in the live checkout. `config` has them where the live
 * ones are. `root` is a folder for links, gone afterwards. Throws BadDefinition.
 */
export async function withComing<T>(
  context: StepContext,
  release: Release,
  code: string,
  root: string,
  use: (coming: StepContext, project: Project, config: Config) => Promise<T>,
): Promise<T> {
  const { definition } = context;
  // The folder's name may be the project's.
  const folder = join(root, basename(definition.directory));
  const coming = { ...context, definition: { ...definition, directory: folder } };
  try {
    await lay(context, code, folder);
    if (!hasFiles(coming.definition))
      throw fail('BadDefinition', `${place(context)}: ${release.version} has no ${composeFiles(coming.definition).join(', ')}`); // prettier-ignore
    const project = await readProject(coming);
    return await use(coming, project, moved(project.config, folder, definition.directory));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** Throws Drift where files and variables resolve to something else than in the plan that people agreed to, which holds no more than a hash: values may be secret. */
function refuseChanged({ definition }: StepContext, live: Project, agreed: string[]): void {
  if (agreed.includes(configLine(live))) return;
  const { directory, env_file = [] } = definition;
  const places = composeFiles(definition).concat(env_file).join(', ');
  throw fail(
    'Drift',
    `docker compose config is another one than people agreed to: ${places} or what they read was changed since, in ${directory}; nothing was stopped: put it back and retry, or start anew`,
  );
}

/** The same of the files that come, where the plan told what they resolve to; what `install` makes may change that. */
async function refuseUnannounced(
  context: StepContext,
  release: Release,
  project: Project,
  config: Config,
  agreed: string[],
): Promise<void> {
  const { source } = context.definition;
  const [head] = comingLine(release, config).split(': ');
  if (source.git?.install || !agreed.some((line) => line.startsWith(`${head}: `))) return;
  if (!agreed.includes(comingLine(release, config)))
    throw fail(
      'Drift',
      `docker compose config of ${release.version} is another one than people agreed to: the env file, or what lies untracked in the checkout, was changed since; nothing was stopped: put it back and retry, or start anew`,
    );
  await refuseMoved(context, project, agreed);
}

export function tellChange(before: Config, after: Config): string {
  const changed = differences(before, after);
  if (changed.length === 0) return 'the same docker compose config';
  const more = changed.length > 20 ? `, and ${changed.length - 20} more` : '';
  return `docker compose config changes in ${changed.slice(0, 20).join(', ')}${more}`;
}

/** As it will be once it lies where the live one does. */
function moved(config: Config, from: string, to: string): Config {
  return JSON.parse(
    JSON.stringify(config).replaceAll(JSON.stringify(from).slice(1, -1), JSON.stringify(to).slice(1, -1)),
  ) as Config;
}

/** Throws NotStarted where the compose files are no longer those that `fetch` saw of this release. */
export async function refuseOtherFiles(context: StepContext, release: Release): Promise<void> {
  const noted = await readJson<Record<string, string>>(notePath(context, release));
  if (!noted) return;
  const now = await hashes(context);
  const differ = [...new Set([...Object.keys(noted), ...Object.keys(now)])].filter((file) => noted[file] !== now[file]);
  if (differ.length === 0) return;
  const told = differ.map((file) => `${file} (${short(noted[file])} then, ${short(now[file])} now)`);
  throw fail('NotStarted', `nothing was started, since other compose files were checked: ${told.join(', ')}: put them back, then retry`); // prettier-ignore
}

async function hashes({ definition }: StepContext): Promise<Record<string, string>> {
  const files = composeFiles(definition).filter((file) => existsSync(join(definition.directory, file)));
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, await sha256File(join(definition.directory, file))] as const)),
  );
}

/**
 * Links to the staged code, and to what lies untracked in the live checkout, where `switch` leaves it: an override, an env file of a service.
 * Neither place alone is what compose will read.
 */
async function lay(context: StepContext, staged: string, folder: string): Promise<void> {
  const { directory } = context.definition;
  await rm(folder, { recursive: true, force: true });
  await linkAll(staged, folder);
  if (!isCheckout(directory)) return;
  const argv = ['git', 'ls-files', '--others', '--directory', '--no-empty-directory', '-z'];
  const { stdout = '' } = await context.look({ argv, env: gitEnvironment });
  const named = composeOf(context.definition).files ?? [];
  for (const path of stdout.split('\0').map((one) => one.replace(/\/$/, '')))
    // Of data among the code only what compose may read.
    if (path && (/env|ya?ml/i.test(basename(path)) || !path.includes('/') || named.includes(path)))
      await linkLive(directory, staged, folder, path);
}

async function linkLive(directory: string, staged: string, folder: string, path: string): Promise<void> {
  const parts = path.split('/');
  for (let depth = 1; depth < parts.length; depth += 1) {
    const above = parts.slice(0, depth).join('/');
    const there = await lstat(join(folder, above)).catch(() => undefined);
    if (there?.isSymbolicLink()) {
      if (!(await lstat(join(staged, above))).isDirectory()) return;
      await unlink(join(folder, above));
      await linkAll(join(staged, above), join(folder, above));
    } else await mkdir(join(folder, above), { recursive: true });
  }
  if (!existsSync(join(folder, path))) await symlink(join(directory, path), join(folder, path));
}

async function linkAll(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const name of await readdir(from)) await symlink(join(from, name), join(to, name));
}

function notePath({ folder }: StepContext, { sha }: Release): string {
  return join(folder, `compose-${sha}.json`);
}

function short(hash: string | undefined): string {
  return hash ? hash.slice(0, 12) : 'none';
}
