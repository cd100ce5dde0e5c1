import { fail } from '../../errors.js';
import type { Check } from '../../model.js';
import { latestBackup } from '../keeping/latest.js';
import type { CheckContext, Verdict } from './contract.js';
import { mismatch } from './expectation.js';
import { describe } from './matcher.js';
import { oneLine, showMs } from './shown.js';

interface Expected {
  /** It was restored into scratch and found equal. */
  proven?: boolean;
  /** Since it was taken. */
  age?: unknown;
}

/** The newest proven backup of the environment, else the newest. Without an expectation there has to be one. */
export async function runBackupCheck(check: Check, context: CheckContext): Promise<Verdict> {
  const expected = (check.expect ?? {}) as Expected;
  const unknown = Object.keys(expected).find((key) => key !== 'proven' && key !== 'age');
  if (unknown) throw fail('Usage', `a backup check cannot expect ${unknown}: there are proven and age`);
  if (context.home === undefined) throw fail('Usage', 'a backup check needs the records of an environment');
  const found = await latestBackup({ home: context.home, definition: context.definition, env: context.env });
  const wanted = oneLine(`the latest backup: ${describeExpected(expected, context)}`, context);
  if (!found) return { ok: false, expected: wanted, seen: 'there is none: take one with `slipway backup`' };
  const age = Date.now() - Date.parse(found.takenAt);
  const proven = found.proven !== null;
  const old =
    expected.age === undefined ? undefined : mismatch(expected.age, age, { scope: context, unit: 'duration' });
  const problems = [
    expected.proven !== undefined && expected.proven !== proven
      ? proven
        ? 'it is proven'
        : 'it was never proven'
      : '',
    old ? `its age ${old}` : '',
  ].filter(Boolean);
  const told = `${found.id}, ${showMs(age)} old, ${proven ? `proven ${found.proven}` : 'not proven'}`;
  return { ok: problems.length === 0, expected: wanted, seen: oneLine([...problems, told].join('; '), context) };
}

function describeExpected({ proven, age }: Expected, scope: CheckContext): string {
  const parts = [
    proven === undefined ? '' : proven ? 'proven' : 'not proven',
    age === undefined ? '' : `age ${describe(age, { scope }).replace(/^is /, '')}`,
  ];
  return parts.filter(Boolean).join(', ') || 'is there';
}
