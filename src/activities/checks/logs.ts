import { fail, rootMessage } from '../../errors.js';
import type { Check } from '../../model.js';
import { runningContainer } from '../runtime/inside.js';
import type { CheckContext, Verdict } from './contract.js';
import { mismatch } from './expectation.js';
import { linesSince } from './log-file.js';
import { logPath, readMarks, type LogMarks } from './log-marks.js';
import { describe, isMatcher } from './matcher.js';
import { gentle, poll, type Try } from './polling.js';
import { oneLine, showText } from './shown.js';

/** @default 30 s: what has to appear may take a while */
export const LOGS_WITHIN_MS = 30_000;

interface Expected {
  contains?: unknown;
  lacks?: unknown;
}
interface Written {
  lines: string[];
  /** There is more, which was not searched. */
  cut: boolean;
}

/**
 * Lines that a service, container or file wrote since this version was started: waits until one is as `contains` says, and fails at once
 * where one is as `lacks` says. What nobody started within a run is searched as a whole.
 */
export async function runLogsCheck(check: Check, context: CheckContext): Promise<Verdict> {
  const expected = readExpected(check.expect);
  const marks = await readMarks(context.startedIn ?? []);
  const since = marks ? `since ${marks.at}` : 'as a whole';
  const wanted = `the log of ${check.logs} ${since}: ${describeExpected(expected, context)}`;
  const attempt = async (): Promise<Try> => {
    const written = await read(check.logs ?? '', marks, context).catch((error: unknown) => rootMessage(error));
    if (typeof written === 'string') return { ok: false, answered: false, seen: written };
    return judge(written, expected, context);
  };
  const { ok, seen } = await poll(check.withinMs ?? LOGS_WITHIN_MS, context.signal, attempt, gentle);
  return { ok, expected: oneLine(wanted, context), seen: oneLine(seen, context) };
}

/** Both streams in one, in the order in which they were written. */
const bothStreams = ['sh', '-c', 'exec docker logs --since "$1" "$2" 2>&1', 'sh'];

async function read(name: string, marks: LogMarks | undefined, context: CheckContext): Promise<Written> {
  const path = logPath(name, context);
  if (path !== undefined) return linesSince(path, marks?.files[path]);
  const container = await runningContainer(
    { definition: context.definition, read: (request) => context.look(request) },
    name,
  );
  if (!container) throw fail('NotStarted', `${name} does not run`);
  const argv = [...bothStreams, marks?.at ?? '1970-01-01T00:00:00Z', container.id];
  const { stdout = '', truncated = false } = await context.look({ argv });
  return { lines: stdout.split('\n'), cut: truncated };
}

function judge({ lines, cut }: Written, { contains, lacks }: Expected, scope: CheckContext): Try {
  const written = lines.filter((line) => line.trim() !== '');
  const bad = lacks === undefined ? undefined : firstLine(written, lacks, scope);
  if (bad !== undefined) return { ok: false, answered: true, final: true, seen: `there is ${showText(bad, scope)}` };
  const searched = `${written.length} lines${cut ? ', which are not all: the log is too long' : ''}`;
  if (contains === undefined) return { ok: true, answered: true, seen: `none of ${searched}` };
  const good = firstLine(written, contains, scope);
  if (good !== undefined) return { ok: true, answered: true, seen: showText(good, scope) };
  const last = written.at(-1);
  const end = last === undefined ? '' : `; the last is ${showText(last, scope)}`;
  return { ok: false, answered: true, seen: `none of ${searched}${end}` };
}

/** By halves, so that a pattern is tried a few times on much text, not once for each of a hundred thousand lines. */
function firstLine(lines: string[], want: unknown, scope: CheckContext): string | undefined {
  const manner = { scope, literal: 'part' as const, multiline: true };
  const isIn = (some: string[]) => some.length > 0 && mismatch(want, some.join('\n'), manner) === undefined;
  if (!isIn(lines)) return undefined;
  let found = lines;
  while (found.length > 1) {
    const half = found.slice(0, found.length / 2);
    found = isIn(half) ? half : found.slice(half.length);
  }
  return found[0];
}

function readExpected(expect: unknown): Expected {
  const map = (expect ?? {}) as Expected;
  const unknown = Object.keys(map).find((key) => key !== 'contains' && key !== 'lacks');
  if (unknown) throw fail('Usage', `a logs check cannot expect ${unknown}: there are contains and lacks`);
  const odd = (Object.values(map) as unknown[]).find(
    (want) => isMatcher(want) && Object.keys(want).join() !== 'matches',
  );
  if (odd) throw fail('Usage', `a logs check looks for text or for { matches: … }, not for ${JSON.stringify(odd)}`);
  if (Object.keys(map).length > 0) return map;
  throw fail('Usage', 'a logs check needs expect: { contains: …, lacks: … }, or one of both');
}

function describeExpected({ contains, lacks }: Expected, scope: CheckContext): string {
  const manner = { scope, literal: 'part' as const };
  const parts = [
    contains === undefined ? '' : `a line ${describe(contains, manner)}`,
    lacks === undefined ? '' : `no line ${describe(lacks, manner)}`,
  ];
  return parts.filter(Boolean).join(', ');
}
