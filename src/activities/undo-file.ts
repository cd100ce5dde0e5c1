import { join } from 'node:path';
import { writeAtomic } from '../lib/files.js';
import type { StepName } from '../model.js';
import { stores } from './data/lookup.js';
import type { StandbyRecord } from './data/contract.js';
import { begun, readReplacement, readStandby, reversed } from './records.js';
import { runtime } from './runtime/lookup.js';
import { source } from './source/lookup.js';
import type { Step } from './step.js';

export const undoPath = (folder: string) => join(folder, 'undo.md');

/**
 * Writes the exact commands, in order, that take this release back by hand: before anything changes, and again after each
 * step. Secrets stand by name; the block works in a plain `sh`, and a second time, too.
 */
export async function writeUndoFile(context: Step): Promise<void> {
  const lines = await commands(context);
  const { run, definition } = context;
  const back = run.previous ? `${run.previous.version} (${run.previous.sha.slice(0, 7)})` : 'nothing: the system stays stopped';
  const text = [
    `# Take ${run.kind} ${run.version.version} in ${run.environment} back, by hand`,
    '', `Run ${run.id}. Goes back to ${back}. Needs neither Slipway nor Temporal: first end the worker (and see that none of its commands still runs),`,
    'then run this block in a shell as the user that the worker runs as. Every line may be run again.', '',
    ...(lines.length === 0 ? ['Nothing was changed so far: there is nothing to take back.'] : ['```sh', 'set -eu', ...preamble(context), ...lines, '```']),
    '', 'Afterwards the environment is still fenced: `slipway recover ' + run.environment + '` shows it.', '',
    `Checks of the version that serves then: ${Object.keys(definition.verify).join(', ') || 'none'}.`, '',
  ];
  await writeAtomic(undoPath(context.folder), text.join('\n'));
}

function preamble({ definition }: Step): string[] {
  const file = definition.env_file;
  return [`cd ${quote(definition.directory)}`, ...(file ? [`set -a; . ${quote(file.startsWith('/') ? file : `./${file}`)}; set +a`] : [])];
}

const changing: StepName[] = ['stop', 'switch', 'migrate', 'start'];

async function commands(context: Step): Promise<string[]> {
  const { definition, run, pinned } = context;
  const acted = changing.some((step) => begun(context, step));
  if (run.kind === 'adopt' || !acted) return [];
  const by = runtime(definition).byHand(context);
  const lines = [...heading(`stop ${run.version.version}`), ...by.stop];
  for (const copy of await copies(context)) {
    const store = stores(definition).find((one) => one.name === copy.store);
    if (store) lines.push(...heading(`the data of ${copy.takenAt} into ${copy.live.name}; what is there now is kept as ${copy.replaced}`), ...store.byHand(context, copy));
  }
  const target = run.previous ?? pinned.live;
  if (target && begun(context, 'switch')) lines.push(...heading(`the code of ${target.version}`), ...source(definition).byHand(context, target));
  if (run.previous) lines.push(...heading(`start ${run.previous.version}, and let users in`), ...by.start, ...by.open);
  return lines;
}

/** What has to be swapped in: the copy from before the migrations, or, of a rollback, the very database that it replaced. */
async function copies(context: Step): Promise<StandbyRecord[]> {
  if (context.run.kind === 'rollback') return ((await readReplacement(context.folder)) ?? []).map(reversed);
  return begun(context, 'migrate') ? ((await readStandby(context.folder)) ?? []) : [];
}

function heading(text: string): string[] {
  return ['', `# ${text}`];
}

function quote(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replace(/'/g, `'\\''`)}'`;
}
