import type { Check } from '../../model.js';
import type { CheckContext, Verdict } from './contract.js';
import { mismatch } from './expectation.js';
import { describe, expectsAbsence } from './matcher.js';
import { oneLine } from './shown.js';
import { variable } from './values.js';

/** Variables of the env file: all that are wrong are named, and of a secret only its length is told. */
export async function runEnvCheck(check: Check, context: CheckContext): Promise<Verdict> {
  const wanted = Array.isArray(check.env)
    ? check.env.map((name) => [name, { present: true }] as const)
    : Object.entries(check.env ?? {});
  const problems: string[] = [];
  const fine: string[] = [];
  for (const [name, want] of wanted) {
    const problem = problemOf(name, want, context);
    if (problem) problems.push(`${name} ${problem}`);
    else fine.push(describeVariable(name, context));
  }
  const expected = Array.isArray(check.env)
    ? `set and not empty: ${check.env.join(', ')}`
    : wanted.map(([name, want]) => `${name} ${describe(want, { scope: context, literal: 'text' })}`).join(', ');
  const file = context.env.path ?? 'the env file (the definition names none)';
  const seen = problems.length ? `in ${file}: ${problems.join('; ')}` : fine.join('; ');
  return { ok: problems.length === 0, expected: oneLine(expected, context), seen: oneLine(seen, context) };
}

function problemOf(name: string, want: unknown, context: CheckContext): string | undefined {
  const { env } = context;
  const value = env.has(name) ? variable(name, context) : undefined;
  if (value?.trim())
    return mismatch(want, value, { scope: context, literal: 'text', secret: env.isSecret(name), path: name });
  // An empty variable is as good as none: that is how compose hands on one that is missing.
  return expectsAbsence(want) ? undefined : value === undefined ? 'is not there' : 'is empty';
}

function describeVariable(name: string, { env }: CheckContext): string {
  const length = env.get(name)?.reveal().length ?? 0;
  return length ? `${name} set, ${length} characters` : `${name} not set`;
}
