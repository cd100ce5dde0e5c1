import { resolve } from 'node:path';
import type { Database } from '../../../model.js';
import type { StepContext } from '../../context.js';
import { folderOfVolume } from './volume.js';

type Sqlite = Extract<Database, { sqlite: unknown }>['sqlite'];

/** Path on this host: in the checkout, or in a volume. Throws NoRights for a volume that cannot be reached. */
export async function liveFile(context: StepContext, sqlite: Sqlite): Promise<string> {
  const { file, volume } = sqlite;
  return resolve(volume ? await folderOfVolume(context, { ...sqlite, volume }) : context.definition.directory, file);
}
