import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Bench, Goal } from './bench.js';

export interface Setting {
  /** Each `.ts` file in it is a bench, but `run.ts`. */
  folder: string;
  argv: string[];
  out: (text: string) => void;
  err: (text: string) => void;
}

/**
 * Runs all benches of a folder, or those named. With `--json` the tables go to `err`, and the last line on `out` is one JSON
 * object with an entry per goal. Exit code 0 once everything was measured, met or not; 1 when a bench failed; 2 for wrong arguments.
 */
export async function runBenches({ folder, argv, out, err }: Setting): Promise<number> {
  const known = readdirSync(folder)
    .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
    .map((file) => basename(file, '.ts'))
    .sort();
  const asked = readArguments(argv, known);
  if (typeof asked === 'string') {
    err(`${asked}\n`);
    return 2;
  }
  const { names, rounds, sizes, json } = asked;
  const goals: Goal[] = [];
  let failed = false;
  for (const name of names) {
    try {
      const { bench } = (await import(pathToFileURL(join(folder, `${name}.ts`)).href)) as { bench: Bench };
      err(`${name}: ${bench.title}\n`);
      const measured = await bench.measure({
        ...(rounds === undefined ? {} : { rounds }),
        ...(sizes === undefined ? {} : { sizes }),
        say: (line) => err(`${line}\n`),
      });
      goals.push(...measured.goals);
      (json ? err : out)(`${measured.text}\n${measured.goals.map(verdict).join('')}\n`);
    } catch (error) {
      failed = true;
      err(`${name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    }
  }
  if (json) out(`${JSON.stringify({ goals })}\n`);
  return failed ? 1 : 0;
}

interface Asked {
  names: string[];
  rounds: number | undefined;
  sizes: number[] | undefined;
  json: boolean;
}

/** A text says what is wrong. */
function readArguments(argv: string[], known: string[]): Asked | string {
  const usage = `npm run bench -- [NAME …] [--rounds N] [--sizes MB,MB] [--json]; the benches are ${known.join(', ')}`;
  try {
    const { values, positionals } = parseArgs({
      args: argv,
      allowPositionals: true,
      options: { json: { type: 'boolean', default: false }, rounds: { type: 'string' }, sizes: { type: 'string' } },
    });
    const strange = positionals.find((name) => !known.includes(name));
    if (strange !== undefined) return `there is no bench ${strange}: ${usage}`;
    const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
    if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0))
      return `--rounds takes a whole number above 0: ${usage}`;
    const sizes = values.sizes?.split(',').map(Number);
    if (sizes?.some((size) => !(Number.isInteger(size) && size > 0)))
      return `--sizes takes whole numbers of megabytes: ${usage}`;
    return { names: positionals.length > 0 ? positionals : known, rounds, sizes, json: values.json };
  } catch (error) {
    return `${(error as Error).message}: ${usage}`;
  }
}

function verdict({ id, goal, value, unit, met }: Goal): string {
  return `${met ? '✔' : '✖'} ${id}: ${goal}; measured ${value} ${unit}\n`;
}
