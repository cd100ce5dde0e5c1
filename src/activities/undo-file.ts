import { dirname, join } from 'node:path';
import { keepWritten } from '../lib/files.js';
import { quoted } from '../lib/shell-line.js';
import type { StepName } from '../model.js';
import type { StandbyRecord } from './data/contract.js';
import { stores } from './data/lookup.js';
import { effectsByHand } from './effects.js';
import { begun, readReplacement, readStandby, reversed } from './records.js';
import { mayHaveChanged } from './touched.js';
import { runtime } from './runtime/lookup.js';
import { source } from './source/lookup.js';
import type { Step } from './step.js';

export const undoPath = (folder: string) => join(folder, 'undo.md');

/**
 * Writes the exact commands, in order, that take this release back by hand: before anything changes, and before and after each
 * step. Secrets stand by name; the block works in a plain `sh`, and a second time, too.
 */
export async function writeUndoFile(context: Step): Promise<void> {
  const lines = await commands(context);
  const { run, definition } = context;
  const back = run.previous
    ? `${run.previous.version} (${run.previous.sha.slice(0, 7)})`
    : 'nothing: the system stays stopped';
  const text = [
    `# Take ${run.kind} ${run.version.version} in ${run.environment} back, by hand`,
    '',
    `Run ${run.id}. Goes back to ${back}. Needs neither Slipway nor Temporal: first end the worker (and see that none of its commands still runs),`,
    'then run this block in a shell as the user that the worker runs as. Every line may be run again.',
    '',
    ...(lines.length === 0
      ? ['Nothing was changed so far: there is nothing to take back.']
      : ['```sh', 'set -eu', ...(await preamble(context)), ...lines, '```']),
    '',
    'Afterwards the environment is still fenced: `slipway recover ' + run.environment + '` shows it.',
    '',
    `Checks of the version that serves then: ${Object.keys(definition.verify).join(', ') || 'none'}.`,
    '',
  ];
  await keepWritten(undoPath(context.folder), text.join('\n'));
}

async function preamble({ definition, tools }: Step): Promise<string[]> {
  const psql = stores(definition).some((store) => store.kind === 'postgres')
    ? await tools.find('psql').catch(() => undefined)
    : undefined;
  return [
    `cd ${quoted(definition.directory)}`,
    ...(psql ? [`PATH="$PATH":${quoted(dirname(psql))}`] : []),
    ...(definition.env_file ? readVariables(definition.env_file) : []),
  ];
}

/** An env file is no shell script: a URL's `&` or a password's `$` would be run, not read. */
function readVariables(file: string): string[] {
  return [
    'while IFS= read -r line || [ -n "$line" ]; do',
    '  line=${line#export }; name=${line%%=*}; value=${line#*=}',
    '  case $name in "$line" | "" | [0-9]* | *[!A-Za-z0-9_]*) continue ;; esac',
    `  case $value in`,
    `    \\"*) value=\${value#\\"}; value=\${value%%\\"*} ;;`,
    `    \\'*) value=\${value#\\'}; value=\${value%%\\'*} ;;`,
    `    *) value=$(printf '%s' "\${value%%#*}" | sed 's/^[[:space:]]*//; s/[[:space:]]*$//') ;;`,
    '  esac',
    '  export "$name=$value"',
    `done < ${quoted(file)}`,
  ];
}

const changing: StepName[] = ['stop', 'switch', 'migrate', 'start'];

async function commands(context: Step): Promise<string[]> {
  const { definition, run, pinned } = context;
  if (run.kind === 'adopt' || !changing.some((step) => acted(context, step))) return [];
  const by = runtime(definition).byHand(context);
  const stopping = effectsByHand(context, 'stop');
  const lines = [...heading(`stop ${run.version.version}`), ...stopping, ...by.stop];
  const back = await copies(context);
  for (const copy of back) {
    const store = stores(definition).find((one) => one.name === copy.store);
    if (store)
      lines.push(
        ...heading(`the data of ${copy.takenAt} into ${copy.live.name}; what is there now is kept as ${copy.replaced}`),
        ...store.byHand(context, copy),
      );
  }
  const target = run.previous ?? pinned.live;
  if (target && acted(context, 'switch'))
    lines.push(...heading(`the code of ${target.version}`), ...source(definition).byHand(context, target));
  if (run.previous) lines.push(...heading(`start ${run.previous.version}, and let users in`), ...by.start, ...by.open);
  const starting = run.previous ? effectsByHand(context, 'start') : [];
  if (starting.length > 0 && back.length === 0) lines.push(...heading('what acts on the outside world'), ...starting);
  if (starting.length > 0 && back.length > 0)
    lines.push(
      ...heading(
        'what acts on the outside world: only when somebody has seen what the data that is back does not know',
      ),
      ...starting.map((line) => `# ${line}`),
    );
  return lines;
}

/** The copies that hold the data from before this run, once the run may have changed it. */
async function copies(context: Step): Promise<StandbyRecord[]> {
  const { run, folder } = context;
  // A rollback puts older data in; what it replaced is what has to come back.
  const replaced = run.kind === 'rollback' ? await readReplacement(folder) : undefined;
  if (replaced) return replaced.map(reversed);
  return (run.kind === 'rollback' ? acted(context, 'data') : mayHaveChanged(context))
    ? ((await readStandby(folder)) ?? [])
    : [];
}

/** Also while it acts, and where its worker died before its command's folder was made. */
function acted(context: Step, step: StepName): boolean {
  return context.at.step === step || begun(context, step);
}

function heading(text: string): string[] {
  return ['', `# ${text}`];
}
