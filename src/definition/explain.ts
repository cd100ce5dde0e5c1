import type { z } from 'zod';
import { kindNames } from './check-schema.js';
import { didYouMean } from './nearest.js';
import { environmentKeys } from './schema.js';
import { describe, find, toPlain, told, type At, type MapTree, type Tree } from './tree.js';

type Issue = z.core.$ZodIssue;

/** A line for each thing that zod found: where it is written, what was expected, what is there. */
export function explain(issues: Issue[], tree: MapTree, environment: Tree): string[] {
  const misspelt = new Set(
    issues.filter((issue) => issue.code === 'unrecognized_keys').map((issue) => issue.path.join('.')),
  );
  const telling = issues.filter((issue) => issue.code !== 'custom' || !misspelt.has(issue.path.join('.')));
  return telling.flatMap((issue) => explainIssue(issue, tree, environment));
}

function explainIssue(issue: Issue, tree: MapTree, environment: Tree): string[] {
  const here = find(tree, issue.path);
  if (issue.code === 'invalid_union') {
    const branch = bestBranch(issue, here);
    if (branch) {
      const issues = branch.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
      return explain(issues, tree, environment);
    }
  }
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => unknownKey(key, issue.message.split(' '), here as MapTree));
  if (issue.code === 'invalid_key') {
    const expected = issue.issues.map((inner) => expectation(inner)).join(', ');
    return [told(here!.key, expected, `\`${String(issue.path.at(-1))}\``)];
  }
  if (here) return [told(here.at, expectation(issue), got(issue, here))];
  return [told(missingAt(issue.path, tree, environment), expectation(issue), 'nothing')];
}

export function unknownKey(key: string, known: string[], map: MapTree): string {
  return told(map.entries.get(key)!.key, `one of ${known.join(', ')}`, `\`${key}\`${didYouMean(key, known)}`);
}

function expectation(issue: Issue): string {
  if (issue.code === 'invalid_value')
    return oneOf(issue.values.map((value) => (typeof value === 'string' ? `\`${value}\`` : String(value))));
  if (issue.message && !/^(Invalid|Too|Unrecognized)\b/.test(issue.message)) return issue.message;
  if (issue.code === 'invalid_type') return typeNames[issue.expected] ?? issue.expected;
  if (issue.code === 'too_small') return `at least ${issue.minimum}`;
  if (issue.code === 'too_big') return `at most ${issue.maximum}`;
  if (issue.code === 'invalid_union') return 'another form';
  return issue.message;
}

const typeNames: Record<string, string> = {
  string: 'text',
  object: 'a map',
  record: 'a map',
  array: 'a list',
  tuple: 'a list',
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
};

function got(issue: Issue, here: Tree): string {
  if (issue.message.includes('$NAME')) return 'another value';
  const plain = toPlain(here);
  const meant =
    issue.code === 'invalid_value' && typeof plain === 'string' ? didYouMean(plain, issue.values.map(String)) : '';
  const quotes =
    issue.code === 'invalid_type' && issue.expected === 'string' && ['number', 'boolean'].includes(typeof plain);
  return describe(plain) + meant + (quotes && !/quotes/.test(issue.message) ? ' (put it between quotes)' : '');
}

function oneOf(words: string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** Of the forms that a value may have, the issues of the one that was meant; undefined where it resembles none. */
function bestBranch(issue: Issue & { code: 'invalid_union' }, here: Tree | undefined): Issue[] | undefined {
  const kind =
    here?.is === 'map' && issue.errors.length === kindNames.length
      ? kindNames.findIndex((name) => here.entries.has(name))
      : -1;
  if (kind >= 0) return issue.errors[kind];
  let best: Issue[] | undefined;
  let least = 1000;
  for (const branch of issue.errors) {
    const cost = branch.reduce((sum, inner) => sum + strangeness(inner), 0);
    if (cost < least) [best, least] = [branch, cost];
  }
  return best;
}

function strangeness(issue: Issue): number {
  if (issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value')) return 1000;
  if (issue.path.length === 0 && issue.code === 'unrecognized_keys') return 10 * issue.keys.length;
  if (issue.path.length === 1 && issue.code === 'invalid_type') return 100;
  if (issue.code === 'invalid_union') return 5;
  return issue.path.length === 0 ? 10 : 1;
}

/** A missing key is told where its map begins, with the path it would have. */
function missingAt(path: PropertyKey[], tree: MapTree, environment: Tree): At {
  const holder = path.length === 1 && String(path[0]) in environmentKeys ? environment : find(tree, path.slice(0, -1));
  const at = holder?.key ?? tree.at;
  return { ...at, path: [at.path, String(path.at(-1))].filter(Boolean).join('.') };
}
