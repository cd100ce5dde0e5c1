/** Revisions, each with those that it was made upon, oldest first. */
export type Graph = Map<string, string[]>;

const head = /^revision\s*(?::[^=\n]*)?=\s*(['"])([^'"]+)\1/m;
const parents = /^down_revision\s*(?::[^=\n]*)?=\s*(\([^)]*\)|\[[^\]]*\]|None|['"][^'"]*['"])/m;

/** Reads what `alembic revision` writes; a file without both assignments is no revision. */
export function readGraph(texts: string[]): Graph {
  const found: Graph = new Map();
  for (const text of texts) {
    const [, , revision] = head.exec(text) ?? [];
    const [, down] = parents.exec(text) ?? [];
    if (revision !== undefined && down !== undefined)
      found.set(
        revision,
        [...down.matchAll(/['"]([^'"]+)['"]/g)].map(([, name = '']) => name),
      );
  }
  return sorted(found);
}

/** Revisions that no other one was made upon. */
export function headsOf(graph: Graph, among: Iterable<string> = graph.keys()): string[] {
  const all = [...among];
  return all.filter((one) => !all.some((other) => graph.get(other)?.includes(one)));
}

/** The rows with all that they stand upon, oldest first; a row that the graph does not have stays as it is. */
export function withAncestors(graph: Graph, rows: string[]): string[] {
  const found = new Set<string>();
  const visit = (revision: string) => {
    if (found.has(revision)) return;
    found.add(revision);
    graph.get(revision)?.forEach(visit);
  };
  rows.forEach(visit);
  return [...[...graph.keys()].filter((one) => found.has(one)), ...[...found].filter((one) => !graph.has(one))];
}

/** All that stands upon a revision; upon nothing: all of them. */
export function descendants(graph: Graph, revision: string): string[] {
  return [...graph.keys()].filter((one) => one !== revision && withAncestors(graph, [one]).includes(revision));
}

/** Parents before children, otherwise by name; a cycle's members come last. */
function sorted(graph: Graph): Graph {
  const left = new Map([...graph].sort(([a], [b]) => (a < b ? -1 : 1)));
  const done: Graph = new Map();
  while (left.size > 0) {
    const ready = [...left].find(([, downs]) => downs.every((down) => !left.has(down))) ?? [...left][0]!;
    done.set(...ready);
    left.delete(ready[0]);
  }
  return done;
}
