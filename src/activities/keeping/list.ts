import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { rootMessage } from '../../errors.js';
import type { KeptThing } from '../../model.js';
import type { StepContext } from '../context.js';
import type { Kept } from '../data/contract.js';
import { stores } from '../data/lookup.js';
import { keptImages, type KeptImage } from '../source/images/kept.js';
import { keptWorktrees, whyWorktreeStays, type KeptWorktree } from '../source/kept-worktrees.js';
import { backups, foldersIn, type Backup } from './latest.js';
import { needsOf } from './needs.js';
import { readManifest } from './manifest.js';
import { beganAt, firstPlace, secondPlace } from './places.js';
import { whyKept, type Holding } from './retention.js';

/** One thing, with what is needed to destroy it. */
export interface Listed {
  thing: KeptThing;
  /** Folder of a backup, or of a copy. */
  folder?: string;
  kept?: Kept;
}
type Found = Listed & { holding: Holding };

/** All that is kept of an environment, each with the reason why it stays; what could not be looked at as problems. */
export async function listKept(context: StepContext): Promise<{ listed: Listed[]; problems: string[] }> {
  const problems: string[] = [];
  const found = (await backups(context)).flatMap(ofBackup);
  for (const store of stores(context.definition)) {
    try {
      found.push(...(await store.kept(context)).map(ofKept));
    } catch (error) {
      problems.push(`${store.name} cannot be looked at: ${rootMessage(error)}`);
    }
  }
  try {
    found.push(...(await keptImages(context)).map(ofImage));
  } catch (error) {
    problems.push(`images cannot be looked at: ${rootMessage(error)}`);
  }
  found.push(...(await keptWorktrees(context)).map(ofWorktree));
  const needed = await needsOf(context, [...new Set(found.flatMap(({ holding }) => holding.run ?? []))]);
  const holdings = found.map(({ holding }) => holding);
  const why = whyKept(holdings, context.definition.backup, (run) => needed.get(run), new Date());
  const listed = found.map(({ holding: _holding, thing, ...one }, index) => {
    const reported =
      thing.is === 'scratch' || thing.is === 'orphan' ? 'reported only: look at it, then remove it by hand' : null;
    return { ...one, thing: { ...thing, stays: reported ?? why[index] ?? thing.stays } };
  });
  for (const { thing } of listed)
    if (thing.is === 'worktree' && thing.stays === null) thing.stays = await whyWorktreeStays(context, thing.name);
  return { listed: [...listed, ...(await leftovers(context))], problems };
}

function ofBackup({ id, folder, copies, bytes, takenAt, proven, whole, manifest }: Backup): Found[] {
  const common = { run: id, at: takenAt, bytes, version: manifest.version, proof: proven, stays: null };
  const holding = { run: id, at: takenAt, copied: copies.length > 0 };
  return [
    ...(whole
      ? [
          {
            thing: { ...common, is: 'backup' as const, name: folder },
            folder,
            holding: { ...holding, proven: proven !== null },
          },
        ]
      : []),
    ...copies.map((copy) => ({
      thing: { ...common, is: 'copy' as const, name: copy },
      folder: copy,
      holding: { ...holding, proven: proven !== null && !whole },
    })),
  ];
}

function ofKept(kept: Kept): Found {
  const { is, name, run, at, bytes } = kept;
  return {
    thing: { is, name, run, at, bytes, version: null, proof: null, stays: null },
    kept,
    holding: { run, at, proven: false, copied: false },
  };
}

function ofImage({ name, run, at, bytes, used }: KeptImage): Found {
  const stays = used ? 'a container is made of it' : null;
  return {
    thing: { is: 'image', name, run, at, bytes, version: null, proof: null, stays },
    holding: { run, at, proven: false, copied: false },
  };
}

function ofWorktree({ path, run }: KeptWorktree): Found {
  const at = beganAt(run);
  return {
    thing: { is: 'worktree', name: path, run, at, bytes: null, version: null, proof: null, stays: null },
    holding: { run, at, proven: false, copied: false },
  };
}

/** Folders without a manifest, and plain content that a killed attempt left in its run's folder. */
async function leftovers(context: StepContext): Promise<Listed[]> {
  const places = [firstPlace(context), secondPlace(context)].filter((place) => place !== undefined);
  const unfinished = await Promise.all(
    places.map(async (place) => {
      const folders = (await foldersIn(place)).map((id) => join(place, id));
      const manifests = await Promise.all(
        folders.map((folder) => readManifest(context, folder).catch(() => undefined)),
      );
      return folders.filter((_, index) => !manifests[index]);
    }),
  );
  const runs = join(context.home, 'runs');
  const plain = await Promise.all(
    (await foldersIn(runs)).map(async (run) => {
      const folder = join(runs, run, 'plain');
      return existsSync(folder) && (await readdir(folder)).length > 0 ? [folder] : [];
    }),
  );
  return [...unfinished.flat(), ...plain.flat()].map((name) => ({
    thing: {
      is: 'scratch',
      name,
      run: null,
      at: null,
      bytes: null,
      version: null,
      proof: null,
      stays: 'reported only: of an attempt that goes on, or was killed',
    },
  }));
}
