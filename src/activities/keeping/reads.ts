import { loadHere } from '../load-here.js';
import type { KeptList, KeptThing, Run } from '../../model.js';
import type { StepContext } from '../context.js';
import type { Host } from '../host.js';
import { looking } from '../step.js';
import { listKept } from './list.js';
import { prune as pruneKept } from './prune.js';

export async function backups(host: Host, { environment }: { environment: string }): Promise<KeptList> {
  return here(host, environment, async (context) => {
    const { listed, problems } = await listKept(context);
    return { environment, things: listed.map(({ thing }) => thing), problems };
  });
}

export async function prune(
  host: Host,
  { environment, names, by }: { environment: string; names: string[]; by: string },
): Promise<KeptThing[]> {
  return here(host, environment, (context) => pruneKept(context, names, by));
}

/** By the definition as it is now: no run holds these. */
async function here<T>(host: Host, environment: string, use: (context: StepContext) => Promise<T>): Promise<T> {
  const none = { version: '', sha: '' };
  const run: Run = {
    id: 'backups',
    kind: 'backup',
    environment,
    version: none,
    previous: null,
    change: 'none',
    plan: '',
    skipped: {},
  };
  return looking(host, run, await loadHere(host, environment), use);
}
