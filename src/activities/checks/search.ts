import { Worker } from 'node:worker_threads';
import { fail } from '../../errors.js';
import type { Check } from '../../model.js';
import type { CheckContext, Verdict } from './contract.js';
import { oneLine, showMs } from './shown.js';

/** @default 30 s */
export const SEARCH_WITHIN_MS = 30_000;

interface Hit {
  file: string;
  line: number;
  text: string;
}
interface Searched {
  hits: Hit[];
  /** Files that are too large. */
  skipped: string[];
  files: number;
}

/**
 * Looks for a pattern in files, line by line. Hits that stand in the reviewed `baseline` (`docs/run.md:the line`, without its number)
 * are known; new ones are put to a person. Symbolic links, binary files and installed packages are left out.
 */
export async function runSearchCheck(check: Check, context: CheckContext): Promise<Verdict> {
  const { paths = [], baseline = [] } = check as { paths?: string[]; baseline?: string[] };
  const pattern = check.search ?? '';
  const expected = oneLine(`no hit of /${pattern}/ in ${paths.join(', ')} that nobody has reviewed`, context);
  const withinMs = check.withinMs ?? SEARCH_WITHIN_MS;
  const found = await search({ directory: context.definition.directory, paths, pattern }, withinMs, context.signal);
  const reviewed = new Set(baseline.map(normal));
  const known = found.hits.filter((hit) => reviewed.has(lineOf(hit)));
  const fresh = found.hits.filter((hit) => !reviewed.has(lineOf(hit)));
  const large = found.skipped.length ? `, not in ${found.skipped.join(', ')}, larger than 5 MiB` : '';
  const told = `${found.files} files searched${large}; ${known.length} reviewed hits`;
  if (fresh.length === 0) return { ok: true, expected, seen: oneLine(told, context) };
  const list = fresh.map((hit) => `${hit.file}:${hit.line}: ${hit.text.slice(0, 120)}`).join(' | ');
  const seen = oneLine(`${fresh.length} new hits: ${list}`, context);
  const text = oneLine(`Is this right, where /${pattern}/ should not be? ${fresh.length} new hits: ${list}`, context);
  return { ok: false, expected, seen, ask: { text, ...(check.role ? { role: check.role } : {}) } };
}

function lineOf({ file, text }: Hit): string {
  return normal(`${file}:${text}`);
}

/** The baseline may be what grep or rg wrote: spaces around the line's text do not matter. */
function normal(line: string): string {
  const end = line.indexOf(':');
  return `${line.slice(0, end)}:${line.slice(end + 1).trim()}`;
}

interface Asked {
  directory: string;
  paths: string[];
  pattern: string;
}

function search(asked: Asked, withinMs: number, cancelled: AbortSignal): Promise<Searched> {
  const thread = new Worker(new URL('./search-thread.mjs', import.meta.url), {
    workerData: asked,
    resourceLimits: { maxOldGenerationSizeMb: 256 },
  });
  let at = 'the beginning';
  return new Promise<Searched>((resolve, reject) => {
    const late = () =>
      `it was still searching ${at} after ${showMs(withinMs)}: remove nested repeats such as (a+)+, or name fewer paths`;
    const timer = setTimeout(() => reject(fail('Usage', late())), withinMs);
    const stop = () => reject(fail('Usage', 'stopped, since the run was cancelled'));
    cancelled.addEventListener('abort', stop, { once: true });
    thread.on('message', (message: Searched | { at: string }) => {
      if ('hits' in message) resolve(message);
      else at = message.at;
    });
    thread.once('error', (error) => reject(fail('Usage', `the search ended at ${at}: ${error.message}`)));
    thread.once('exit', (code) => {
      clearTimeout(timer);
      cancelled.removeEventListener('abort', stop);
      reject(fail('Usage', `the search ended at ${at} with code ${code}`));
    });
  }).finally(() => thread.terminate());
}
