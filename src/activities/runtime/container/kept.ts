import { join } from 'node:path';
import { writeAtomic } from '../../../lib/files.js';
import type { Container } from '../docker-state.js';

/** What a script-run container was made of, noted before it is stopped: its script may remove it. */
export const keptContainerPath = (folder: string): string => join(folder, 'container.json');

export async function keepContainer(folder: string, container: Container): Promise<void> {
  await writeAtomic(keptContainerPath(folder), JSON.stringify(container, null, 2));
}
