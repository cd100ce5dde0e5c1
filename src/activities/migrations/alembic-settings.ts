import { posix } from 'node:path';
import type { Argv, Definition, Migrations, Release } from '../../model.js';
import type { CommandRequest, StepContext } from '../context.js';
import { source } from '../source/lookup.js';
import { readGraph, type Graph } from './alembic-graph.js';
import { toolLine, toolRequest, type Leading } from './tool-request.js';

/** The release's revisions, read from the text of its files: none of its code is run. Empty without alembic.ini, as before it was introduced. */
export async function graphOf(context: StepContext, release: Release): Promise<Graph> {
  return readGraph(await textsOf(context, release));
}

/** Of all that lies where revisions do. */
export async function textsOf(context: StepContext, release: Release): Promise<string[]> {
  const { directory = '.' } = alembicOf(context.definition);
  const from = source(context.definition);
  const { 'alembic.ini': ini } = await from.texts(context, release, directory, /^alembic\.ini$/);
  if (ini === undefined) return [];
  const { folders, deep } = versionFolders(ini);
  const wanted = deep ? /\.py$/ : /^[^/]+\.py$/;
  const texts = await Promise.all(
    folders.map((folder) => from.texts(context, release, posix.join(directory, folder), wanted)),
  );
  return texts.flatMap((found) => Object.values(found));
}

/** Of the code that this run goes to and of what it leaves: whichever is newer knows the other's revisions, too; and of `others`. */
export async function graphOfRun(context: StepContext, others: Release[] = []): Promise<Graph> {
  const { version, previous } = context.run;
  const releases = [version, previous, ...others].filter(
    (release) => release !== null && release.sha !== '',
  ) as Release[];
  const graphs: Graph[] = [];
  for (const release of releases) graphs.push(await graphOf(context, release));
  return graphs.sort((a, b) => b.size - a.size).reduce((all, graph) => new Map([...all, ...graph]), new Map());
}

export function alembicRequest(
  context: StepContext,
  checkout: string,
  args: Argv,
  leading: Leading = {},
): CommandRequest {
  return toolRequest(context, checkout, [...programOf(context.definition), ...args], leading);
}

/** As a person types it. */
export function alembicLine(definition: Definition, ...args: string[]): string {
  return toolLine(definition, [...programOf(definition), ...args]);
}

function programOf(definition: Definition): Argv {
  return alembicOf(definition).runs ?? ['alembic'];
}

function alembicOf({ migrations }: Definition): NonNullable<Migrations['alembic']> {
  return migrations?.alembic ?? {};
}

/** Folders of revisions, relative to the one of alembic.ini, and whether revisions lie in folders of these, too. */
function versionFolders(ini: string): { folders: string[]; deep: boolean } {
  // A value goes on in the lines that are indented.
  const value = (name: string) =>
    new RegExp(`^${name}[ \\t]*=((?:.*)(?:\\n[ \\t]+\\S.*)*)`, 'm').exec(ini)?.[1]?.trim();
  const here = (folder: string) => folder.replace(/%\(here\)s\/?/, '') || '.';
  const deep = /^(true|yes|on|1)$/i.test(value('recursive_version_locations') ?? '');
  const several = value('version_locations');
  const folders = several
    ? several.split(/[\s,;:]+/).map(here)
    : [posix.join(here(value('script_location') || 'alembic'), 'versions')];
  return { folders, deep };
}
