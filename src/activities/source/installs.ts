import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail } from '../../errors.js';
import { readJson, writeAtomic } from '../../lib/files.js';
import type { Release } from '../../model.js';
import type { StepContext } from '../context.js';
import { moveTree } from './move-tree.js';

/** What lies in the live checkout under one name, written down before and after each move. */
interface Place {
  /** Commit that the live one belongs to. */
  live: string;
  /** A move that was begun: `aside` takes the live one away, `in` brings that commit's. */
  move?: { to: string; stage: 'aside' | 'in' };
  /** Commits that came without one. */
  none: string[];
}
type Places = Record<string, Place>;

/** Notes, once in a run and before the code is switched, which commit the live `installs` belong to. */
export async function noteLiveInstalls(context: StepContext, sha: string): Promise<void> {
  if (await readJson(placesPath(context))) return;
  const places: Places = Object.fromEntries(entriesOf(context).map((entry) => [entry, { live: sha, none: [] }]));
  await writeAtomic(placesPath(context), JSON.stringify(places));
}

/**
 * Brings that release's `installs` (`node_modules`) live: from where an earlier switch kept them, else from where `fetch` staged them. The
 * live ones are kept. Safe to repeat after a crash between any two renames: each stage ends in a state that the next look tells apart.
 */
export async function bringInstalls(context: StepContext, release: Release): Promise<void> {
  const places = (await readJson<Places>(placesPath(context))) ?? {};
  const save = () => writeAtomic(placesPath(context), JSON.stringify(places));
  for (const entry of entriesOf(context)) {
    const place = (places[entry] ??= { live: 'unknown', none: [] });
    // One that was cut off on its way to another commit is ended first: only then it is known what is live.
    if (place.move && place.move.to !== release.sha) await endMove(context, entry, place, save);
    if (!place.move && place.live === release.sha) continue;
    place.move ??= { to: release.sha, stage: 'aside' };
    await save();
    await endMove(context, entry, place, save);
  }
}

/** Where the one of that commit is kept once it was live in this run. */
export function keptInstall(context: StepContext, entry: string, sha: string): string {
  return join(context.folder, 'replaced', `${entry}-${sha}`);
}

async function endMove(context: StepContext, entry: string, place: Place, save: () => Promise<void>): Promise<void> {
  const { move } = place;
  if (!move) return;
  if (move.stage === 'aside') {
    await takeAside(context, entry, place);
    move.stage = 'in';
    await save();
  }
  await bringIn(context, entry, place, move.to);
  place.live = move.to;
  delete place.move;
  await save();
}

async function takeAside(context: StepContext, entry: string, place: Place): Promise<void> {
  const live = join(context.definition.directory, entry);
  const kept = keptInstall(context, entry, place.live);
  if (existsSync(live)) await moveTree(context, live, kept);
  else if (!existsSync(kept) && !place.none.includes(place.live)) place.none.push(place.live);
}

async function bringIn(context: StepContext, entry: string, place: Place, sha: string): Promise<void> {
  const live = join(context.definition.directory, entry);
  const sources = [keptInstall(context, entry, sha), join(context.staged({ version: '', sha }), entry)];
  const source = sources.find((path) => existsSync(path));
  if (source) {
    // Whatever came to lie there since the live one was taken aside is nobody's, and yet not destroyed.
    if (existsSync(live)) await moveTree(context, live, keptInstall(context, entry, `unknown-${Date.now()}`));
    await mkdir(dirname(live), { recursive: true });
    await moveTree(context, source, live);
  } else if (!existsSync(live) && !place.none.includes(sha)) {
    throw fail(
      'ToolMissing',
      `${entry} of ${sha} is neither in ${sources.join(' nor in ')}: run the install commands in the live checkout`,
    );
  }
}

function entriesOf(context: StepContext): string[] {
  return context.definition.source.git?.installs ?? [];
}

function placesPath(context: StepContext): string {
  return join(context.folder, 'installs.json');
}
