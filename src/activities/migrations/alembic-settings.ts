import { join, posix } from 'node:path';
import { quoted, shellLine } from '../../lib/shell-line.js';
import type { Argv, Definition, Migrations, Release } from '../../model.js';
import type { CommandRequest, StepContext } from '../context.js';
import { source } from '../source/lookup.js';
import { readGraph, type Graph } from './alembic-graph.js';
import { deadlineMs, guardValues } from './tool-settings.js';

/** The release's revisions, read from the text of its files: none of its code is run. Empty without alembic.ini, as before it was introduced. */
export async function graphOf(context: StepContext, release: Release): Promise<Graph> {
  const { directory = '.' } = alembicOf(context.definition);
  const from = source(context.definition);
  const { 'alembic.ini': ini } = await from.texts(context, release, directory, /^alembic\.ini$/);
  if (ini === undefined) return new Map();
  const folders = versionFolders(ini).map((folder) => posix.join(directory, folder));
  const texts = await Promise.all(folders.map((folder) => from.texts(context, release, folder, /^[^/]+\.py$/)));
  return readGraph(texts.flatMap((found) => Object.values(found)));
}

/** Of the code that this run goes to and of what it leaves: whichever is newer knows the other's revisions, too. */
export async function graphOfRun(context: StepContext): Promise<Graph> {
  const { version, previous } = context.run;
  const releases = [version, previous].filter((release) => release !== null && release.sha !== '') as Release[];
  const graphs: Graph[] = [];
  for (const release of releases) graphs.push(await graphOf(context, release));
  return graphs.sort((a, b) => b.size - a.size).reduce((all, graph) => new Map([...all, ...graph]), new Map());
}

/** A program given by a path is one of the checkout, as `.venv/bin/alembic` is. */
export function alembicRequest(
  context: StepContext,
  checkout: string,
  args: Argv,
  env: Record<string, string> = {},
): CommandRequest {
  const { directory = '.' } = alembicOf(context.definition);
  const cwd = join(checkout, directory);
  const [program = '', ...rest] = programOf(context.definition);
  const path = program.includes('/') && !program.startsWith('/') ? join(cwd, program) : program;
  return { argv: [path, ...rest, ...args], cwd, env: { ...guardValues(context), ...env }, deadlineMs };
}

/** As a person types it. */
export function alembicLine(definition: Definition, ...args: string[]): string {
  const { directory, guard } = alembicOf(definition);
  return `${directory ? `cd ${quoted(directory)} && ` : ''}${shellLine([...programOf(definition), ...args], guard)}`;
}

function programOf(definition: Definition): Argv {
  return alembicOf(definition).runs ?? ['alembic'];
}

function alembicOf({ migrations }: Definition): NonNullable<Migrations['alembic']> {
  return migrations?.alembic ?? {};
}

/** Relative to the folder of alembic.ini. */
function versionFolders(ini: string): string[] {
  const value = (name: string) => new RegExp(`^${name}\\s*=\\s*(\\S.*?)\\s*$`, 'm').exec(ini)?.[1];
  const here = (folder: string) => folder.replace(/%\(here\)s\/?/, '') || '.';
  const several = value('version_locations');
  if (several) return several.split(/[\s,;:]+/).map(here);
  return [posix.join(here(value('script_location') ?? 'alembic'), 'versions')];
}
