import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, type ParsedNode } from 'yaml';

/** A place in a file, and the dotted path of what stands there as the file writes it. Lines and columns count from 1. */
export interface At {
  file: string;
  line: number;
  column: number;
  path: string;
}
export type Scalar = string | number | boolean | null;

/** YAML with places, so that a message can name them after maps of several parts of a file were merged. */
export type Tree = { at: At; /** Where the key stands that leads here. */ key: At } & (
  { is: 'map'; entries: Map<string, Tree> } | { is: 'list'; items: Tree[] } | { is: 'scalar'; value: Scalar }
);
export type MapTree = Extract<Tree, { is: 'map' }>;

/** Reads YAML. `file` is how messages call it. Errors come as whole lines; without one, `tree` is there. */
export function readTree(text: string, file: string): { tree?: MapTree; errors: string[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const at = (offset: number, path: string): At => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col, path };
  };
  if (document.errors.length > 0) {
    const errors = document.errors.map((error) => told(at(error.pos[0], ''), 'YAML', error.message.split('\n')[0]!));
    return { errors };
  }
  const errors: string[] = [];
  const tree = build(document.contents, undefined, '');
  if (tree.is !== 'map') errors.push(told(tree.at, 'a map', describe(toPlain(tree))));
  return errors.length > 0 || tree.is !== 'map' ? { errors } : { tree, errors };

  function build(node: ParsedNode | null, key: At | undefined, path: string): Tree {
    const own = node ? at(node.range[0], path) : (key ?? at(0, path));
    const place = { at: own, key: key ?? own };
    if (isMap(node)) return { ...place, is: 'map', entries: buildEntries(node.items, path) };
    if (isSeq(node)) {
      const items = node.items.map((item, index) => build(item, undefined, `${path}[${index}]`));
      return { ...place, is: 'list', items };
    }
    if (isAlias(node)) errors.push(told(own, 'the value itself', `the alias \`*${node.source}\``));
    return { ...place, is: 'scalar', value: isScalar(node) ? (node.value as Scalar) : null };
  }

  function buildEntries(items: unknown[], path: string): Map<string, Tree> {
    const entries = new Map<string, Tree>();
    for (const pair of items) {
      if (!isPair(pair)) continue;
      const node = pair.key as ParsedNode;
      if (!isScalar(node)) {
        errors.push(told(at(node.range[0], path), 'a name as key', 'something else'));
        continue;
      }
      const name = String(node.value);
      const below = join(path, name);
      const key = at(node.range[0], below);
      if (entries.has(name)) errors.push(told(key, 'each key once', `\`${name}\` again`));
      else entries.set(name, build(pair.value as ParsedNode | null, key, below));
    }
    return entries;
  }
}

/** The one form of every message: `file:line:column path: expected …, got …`. */
export function told(at: At, expected: string, got: string): string {
  return `${placed(at)}: expected ${expected}, got ${got}`;
}

/** `file:line:column path` */
export function placed(at: At): string {
  return `${at.file}:${at.line}:${at.column}${at.path && ' '}${at.path}`;
}

/** What stands below, by keys and indexes; undefined where nothing does. */
export function find(tree: Tree, path: PropertyKey[]): Tree | undefined {
  let here: Tree | undefined = tree;
  for (const part of path) {
    if (here?.is === 'map') here = here.entries.get(String(part));
    else if (here?.is === 'list') here = here.items[Number(part)];
    else return undefined;
  }
  return here;
}

export function toPlain(tree: Tree): unknown {
  if (tree.is === 'scalar') return tree.value;
  if (tree.is === 'list') return tree.items.map(toPlain);
  return Object.fromEntries([...tree.entries].map(([name, below]) => [name, toPlain(below)]));
}

/** A value as a message shows it: short, and never one that could be secret. */
export function describe(value: unknown): string {
  if (value === undefined || value === null || value === '') return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value !== 'string') return JSON.stringify(value);
  if (holdsSecret(value)) return 'what looks like a secret';
  return `\`${value.length > 60 ? `${value.slice(0, 57)}…` : value}\``;
}

/** A password in a URL, or the shape of a well-known kind of token. */
export function holdsSecret(text: string): boolean {
  return (
    /[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:(?!\$)[^\s/@]+@/i.test(text) ||
    /\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|xox[abp]-[\w-]{10,}|sk_live_\w{10,})/.test(
      text,
    ) ||
    /-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAGE-SECRET-KEY-1/.test(text)
  );
}

function join(path: string, name: string): string {
  return path ? `${path}.${name}` : name;
}
