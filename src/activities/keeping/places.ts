import { basename, join, resolve } from 'node:path';
import type { EnvFile } from '../../lib/env-file.js';
import type { Definition } from '../../model.js';

/** What decides where an environment's backups lie. */
export interface Keeper {
  /** Folder of all the environment's records. */
  home: string;
  definition: Definition;
  env: EnvFile;
}

/** Where the backups of an environment lie, a folder for each run. */
export function firstPlace(keeper: Keeper): string {
  const { directory } = keeper.definition.backup;
  return directory === undefined
    ? join(keeper.home, 'backups')
    : join(absolute(keeper, directory), keeper.definition.environment);
}

/** Where each is copied to; undefined where the definition names no second place. */
export function secondPlace(keeper: Keeper): string | undefined {
  const root = secondRoot(keeper);
  return root && join(root, keeper.definition.environment);
}

/** The folder that `backup.copy_to` names: it has to be there, since one that is made may be an empty mount point. */
export function secondRoot(keeper: Keeper): string | undefined {
  const { copy_to } = keeper.definition.backup;
  return copy_to === undefined ? undefined : absolute(keeper, copy_to);
}

/** Id of the backup that a run makes before it undoes migrations; and the run of any backup's id. */
export const beforeUndo = (run: string) => `${run}-before-undo`;
export const runOf = (id: string) => id.replace(/-before-undo$/, '');

/** When a run began, by its id, `20261121T114252Z-1a2b3c`; null where that does not tell. */
export function beganAt(run: string): string | null {
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-/.exec(run) ?? [];
  const [year, month, day, hour, minute, second] = parts;
  return parts.length === 0 ? null : `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
}

export const backupFolder = (keeper: Keeper, run: string) => join(firstPlace(keeper), run);

/** Where the copy of that backup lies, or would lie. */
export function copyOf(keeper: Keeper, folder: string): string | undefined {
  const place = secondPlace(keeper);
  return place && join(place, basename(folder));
}

function absolute({ definition, env }: Keeper, path: string): string {
  return resolve(definition.directory, env.value(path));
}
