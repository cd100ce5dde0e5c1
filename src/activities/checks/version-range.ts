import { fail } from '../../errors.js';

/**
 * Whether a version lies in a range such as `>=2.0.0 <3.0.0`: all comparisons have to be true; a bare `2.1` is 2.1.0 itself. Prereleases
 * come before their release. Throws Usage for what cannot be compared: a SHA as version, a range of another form.
 */
export function isInRange(version: string, range: string): boolean {
  const one = parse(version);
  if (!one)
    throw fail(
      'Usage',
      `version ${version} is no SemVer, so nobody can tell whether it is in ${range}: deploy it by its tag`,
    );
  return range
    .trim()
    .split(/\s+/)
    .every((comparison) => {
      const [, operator = '=', text = ''] = /^(<=|>=|<|>|=)?(.+)$/.exec(comparison) ?? [];
      const other = parse(text);
      if (!other)
        throw fail('Usage', `${JSON.stringify(range)} is no range of versions: write for example ">=2.0.0 <3.0.0"`);
      const order = compare(one, other);
      return (
        { '<': order < 0, '<=': order <= 0, '>': order > 0, '>=': order >= 0, '=': order === 0 }[operator] ?? false
      );
    });
}

interface Version {
  numbers: number[];
  prerelease: string[];
}

function parse(text: string): Version | undefined {
  const match = /^v?(\d{1,9}(?:\.\d{1,9}){0,2})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/.exec(text);
  // Seven digits and more without a dot are a SHA by chance.
  if (!match?.[1] || /^\d{7,}$/.test(text)) return undefined;
  const numbers = match[1].split('.').map(Number);
  return { numbers: [...numbers, 0, 0].slice(0, 3), prerelease: match[2]?.split('.') ?? [] };
}

function compare(a: Version, b: Version): number {
  for (const [i, number] of a.numbers.entries()) if (number !== b.numbers[i]) return number - (b.numbers[i] ?? 0);
  if (a.prerelease.length === 0 || b.prerelease.length === 0) return b.prerelease.length - a.prerelease.length;
  for (let i = 0; i < Math.max(a.prerelease.length, b.prerelease.length); i += 1) {
    const order = comparePart(a.prerelease[i], b.prerelease[i]);
    if (order !== 0) return order;
  }
  return 0;
}

function comparePart(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
  const [m, n] = [a, b].map((part) => (/^\d+$/.test(part) ? Number(part) : undefined));
  if (m !== undefined && n !== undefined) return m - n;
  if (m !== undefined || n !== undefined) return m !== undefined ? -1 : 1;
  return a < b ? -1 : 1;
}
