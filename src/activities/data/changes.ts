type Catalog = Record<string, string[]>;

/** What people call the lines of a heading; a heading that is not here is told by its own words. */
const words: Record<string, string> = {
  schemas: 'schema',
  relations: 'table',
  columns: 'column',
  constraints: 'constraint',
  indexes: 'index',
  'unfinished indexes': 'unfinished index',
  triggers: 'trigger',
  rules: 'rule',
  policies: 'policy',
  functions: 'function',
  types: 'type',
  'sequence definitions': 'sequence',
};
const kinds: Record<string, string> = { v: 'view', m: 'materialized view', f: 'foreign table', c: 'type' };

/**
 * What a catalog has that the one before had not, and the other way round, by name: `new table public.a`, `changed column public.t.x`, `gone index i`.
 * What belongs to a table that is new or gone as a whole is not told of beside it.
 */
export function namedChanges(before: Catalog, now: Catalog): string[] {
  const [added, removed] = [without(now, before), without(before, now)];
  const names = (found: Named[]) => new Set(found.map(({ id }) => id));
  const [isNew, isGone] = [names(added), names(removed)];
  const whole = (some: Named[], others: Set<string>) =>
    some.filter(({ heading, id }) => heading === 'relations' && !others.has(id)).map(({ name }) => name);
  const apart = (some: Named[], tables: string[]) =>
    some.filter((one) => one.heading === 'relations' || !tables.some((table) => isPartOf(one, table)));
  const news = apart(added, whole(added, isGone));
  const gone = apart(removed, whole(removed, isNew)).filter(({ id }) => !isNew.has(id));
  return [
    ...new Set([
      ...news.map(({ id, told }) => `${isGone.has(id) ? 'changed' : 'new'} ${told}`),
      ...gone.map(({ told }) => `gone ${told}`),
    ]),
  ];
}

interface Named {
  heading: string;
  line: string;
  name: string;
  /** Tells it from what has its name under another heading. */
  id: string;
  told: string;
}

function without(some: Catalog, others: Catalog): Named[] {
  return Object.entries(some).flatMap(([heading, lines]) => {
    const had = new Set(others[heading] ?? []);
    return lines.filter((line) => !had.has(line)).map((line) => named(heading, line));
  });
}

function named(heading: string, line: string): Named {
  const [, name = line] =
    /^(?:CREATE (?:UNIQUE |CONSTRAINT )?(?:INDEX|TRIGGER|RULE) )?((?:"(?:[^"]|"")*"|[^\s"])+)/.exec(line) ?? [];
  const kind = heading === 'relations' ? kinds[/ kind (\w) /.exec(line)?.[1] ?? ''] : undefined;
  const word = kind ?? words[heading];
  const told = word === undefined ? `${heading}: ${line.slice(0, 80)}` : `${word} ${name}`;
  return { heading, line, name, id: word === undefined ? `${heading} ${line}` : `${heading} ${name}`, told };
}

function isPartOf({ heading, line, name }: Named, table: string): boolean {
  if (name.startsWith(`${table}.`)) return true;
  const before = heading === 'comments' ? [' '] : [' on ', ' ON ', ' ON ONLY ', ' owned by '];
  return before.some((word) => [' ', '.', '('].some((end) => `${line} `.includes(word + table + end)));
}
