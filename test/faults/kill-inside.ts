import { join } from 'node:path';
import { readEvidence } from '../../src/lib/evidence.js';
import type { Stand } from '../systems/stand.js';
import { isOpen, stay } from './data.js';
import type { Following } from './follow.js';
import type { Held, Holds } from './holds.js';

/** Kills inside that command; where `next` is named, it is set before this one goes on. */
export function killing({ worker }: Stand, run: Following, holds: Holds) {
  return async (name: Held, next?: Held): Promise<void> => {
    await run.until(() => holds.inside(name));
    await worker.kill();
    if (next) await holds.set(next);
    if (next) await holds.release(name);
    await worker.restart();
  };
}

/** In a standby copy or a swap that a superuser's session keeps waiting, while nobody else may connect; a checkout follows. */
export async function killWhileClosed({ worker, database }: Stand, run: Following, holds: Holds): Promise<void> {
  const guest = await stay(database.superuserUrl);
  await holds.release('stop');
  await run.until(async () => !(await isOpen(database)));
  await worker.kill();
  await guest.end();
  await holds.set('checkout');
  await worker.restart();
}

/** Steps whose command was found running, or ended, by another worker than the one that started it. */
export async function adopted({ home }: Stand, run: string | null): Promise<string[]> {
  const entries = await readEvidence(join(home, 'runs', run ?? ''));
  const commands = entries.filter(({ kind, data }) => kind === 'command' && data.adopted === true);
  return commands.map(({ id }) =>
    id.replace(
      /^(undo-)?([a-z-]+?)-1-.*/,
      (_, undo: string | undefined, step: string) => `${undo ? 'undo ' : ''}${step}`,
    ),
  );
}
