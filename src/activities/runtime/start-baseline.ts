import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writeAtomic } from '../../lib/files.js';
import { bootId } from '../../lib/process-identity.js';
import type { StepContext } from '../context.js';
import { ticksNow } from './listeners.js';

/** Taken once in a try, before its start command and after its ports were seen closed. */
export interface Baseline {
  boot: string;
  /** Since that boot; whatever listens must have begun later. */
  ticks: number;
}

/** That of this try; undefined before there is one. */
export async function readBaseline(context: StepContext): Promise<Baseline | undefined> {
  return readJson<Baseline>(join(context.folder, `${prefixOf(context)}${context.at.try}-baseline.json`));
}

export async function writeBaseline(context: StepContext): Promise<Baseline> {
  const baseline: Baseline = { boot: bootId(), ticks: await ticksNow() };
  const path = join(context.folder, `${prefixOf(context)}${context.at.try}-baseline.json`);
  await writeAtomic(path, JSON.stringify(baseline));
  return baseline;
}

/** Whether any try of that step, in that direction, went as far as its start command: without, nothing of it can run. */
export function startedIn({ folder, at }: Pick<StepContext, 'folder' | 'at'>, undo = at.undo): boolean {
  if (!existsSync(folder)) return false;
  const prefix = prefixOf({ at: { ...at, undo } });
  return readdirSync(folder).some(
    (name) => name.startsWith(prefix) && /^\d+-baseline\.json$/.test(name.slice(prefix.length)),
  );
}

/** After a reboot nothing is left of what ran before. */
export function sinceOf({ boot, ticks }: Baseline): number {
  return boot === bootId() ? ticks : 0;
}

function prefixOf({ at }: Pick<StepContext, 'at'>): string {
  return `${at.undo ? 'undo-' : ''}${at.step}-`;
}
