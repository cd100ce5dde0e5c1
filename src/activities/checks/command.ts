import { fail, rootMessage } from '../../errors.js';
import type { Check } from '../../model.js';
import type { CommandResult } from '../../lib/command.js';
import { anyExitCode } from '../context.js';
import type { CheckContext, Verdict } from './contract.js';
import { mismatch } from './expectation.js';
import { readPath } from './json-path.js';
import { describe, expectsAbsence } from './matcher.js';
import type { Manner } from './matcher.js';
import { oneLine, showMs } from './shown.js';
import { fillArgument, fillText } from './values.js';

/** @default 120 s */
export const COMMAND_WITHIN_MS = 120_000;

interface Expected {
  /** @default 0 */
  exit?: number | number[];
  /** Of both streams, the last 8 KiB; `stderr` is looked for there, too. */
  output?: unknown;
  stderr?: unknown;
  stdout?: unknown;
  json?: Record<string, unknown>;
}
const words = ['exit', 'output', 'stderr', 'stdout', 'json'];

/** Runs a program once, inside a service where `in` names one, and looks at its exit code and what it printed. */
export async function runCommandCheck(check: Check, context: CheckContext): Promise<Verdict> {
  const expected = readExpected(check.expect);
  const argv = (check.command ?? []).map((argument) => fillArgument(argument, context));
  const env = Object.entries((check.env as Record<string, string> | undefined) ?? {}).map(([name, value]) => [
    name,
    fillText(value, context),
  ]);
  const withinMs = check.withinMs ?? COMMAND_WITHIN_MS;
  const wanted = oneLine(`${argv.join(' ')}: ${describeExpected(expected, context)}`, context);
  try {
    const result = await context.read({
      argv,
      ...(check.in === undefined ? {} : { in: check.in }),
      deadlineMs: withinMs,
      ok: anyExitCode,
      ...(env.length ? { env: Object.fromEntries(env) as Record<string, string> } : {}),
    });
    const problems = problemsOf(result, expected, context, withinMs);
    const ok = problems.length === 0;
    const head = `${ok ? `exit ${result.exitCode}` : problems.join('; ')} in ${showMs(result.tookMs)}`;
    return { ok, expected: wanted, seen: oneLine(head + lastLines(result, ok ? 1 : 8), context) };
  } catch (error) {
    // It could not be started, or was ended at its deadline.
    return { ok: false, expected: wanted, seen: oneLine(rootMessage(error), context) };
  }
}

function readExpected(expect: unknown): Expected {
  const map = expect === undefined ? {} : typeof expect === 'number' ? { exit: expect } : (expect as Expected);
  const unknown = Object.keys(map).find((key) => !words.includes(key));
  if (unknown) throw fail('Usage', `a command check cannot expect ${unknown}: there are ${words.join(', ')}`);
  return map;
}

function describeExpected(expected: Expected, scope: CheckContext): string {
  const parts = [`exit ${[expected.exit ?? 0].flat().join(' or ')}`];
  for (const stream of ['output', 'stdout', 'stderr'] as const) {
    if (expected[stream] !== undefined)
      parts.push(`${stream} ${describe(expected[stream], { scope, literal: 'part' })}`);
  }
  for (const [path, want] of Object.entries(expected.json ?? {})) parts.push(`${path} ${describe(want, { scope })}`);
  return parts.join(', ');
}

function problemsOf(result: CommandResult, expected: Expected, scope: CheckContext, withinMs: number): string[] {
  if (result.timedOut) return [`it was still running after ${showMs(withinMs)} and was ended`];
  if (result.cancelled) return ['it was ended, since the run was cancelled'];
  if (result.signal) return [`it was ended by ${result.signal}`];
  const problems: string[] = [];
  if (![expected.exit ?? 0].flat().includes(result.exitCode ?? -1)) problems.push(`exit ${result.exitCode}`);
  const manner: Manner = { scope, literal: 'part', multiline: true };
  const texts = { output: `${result.stdout ?? ''}\n${result.tail}`, stdout: result.stdout ?? '', stderr: result.tail };
  for (const stream of ['output', 'stdout', 'stderr'] as const) {
    if (expected[stream] !== undefined && mismatch(expected[stream], texts[stream].trim(), manner))
      problems.push(`its ${stream} is not as expected`);
  }
  return expected.json ? [...problems, ...jsonProblems(texts.stdout, expected.json, scope)] : problems;
}

function jsonProblems(stdout: string, wanted: Record<string, unknown>, scope: CheckContext): string[] {
  let whole: unknown;
  try {
    whole = JSON.parse(stdout);
  } catch {
    return ['its standard output is no JSON'];
  }
  return Object.entries(wanted).flatMap(([path, want]) => {
    const found = readPath(whole, path);
    if (!found.found && !expectsAbsence(want)) return [found.why.replace('the answer', 'the output')];
    const problem = mismatch(want, found.found ? found.value : undefined, { scope, path });
    return problem ? [`${path} ${problem}`] : [];
  });
}

function lastLines({ tail }: CommandResult, count: number): string {
  const lines = tail
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .slice(-count);
  if (lines.length === 0) return count > 1 ? '; it printed nothing' : '';
  // The end says why, so it is the beginning that is cut.
  const text = lines.join(' | ');
  return `; last ${lines.length === 1 ? 'line' : 'lines'}: ${text.length > 380 ? `…${text.slice(-379)}` : text}`;
}
