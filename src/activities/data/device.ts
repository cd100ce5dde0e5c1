import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Of the nearest folder above that is there. */
export async function deviceOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  return found ? found.dev : deviceOf(dirname(path));
}
