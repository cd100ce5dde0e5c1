/** Key of what changes whenever anything in that table does. */
export const content = (table: string) => `${table}\0content`;

/** The first digits of a hash, as exact as a number is. */
export const asNumber = (hash: string) => Number.parseInt(hash.slice(0, 12), 16);

/** By table: the difference in rows, and at least one where anything in it changed. Without what SQLite counts for itself. */
export function writtenBetween(since: Record<string, number>, now: Record<string, number>): Record<string, number> {
  const names = [...new Set([...Object.keys(since), ...Object.keys(now)])].filter(
    (key) => !key.endsWith(content('')) && !key.startsWith('sqlite_'),
  );
  return Object.fromEntries(
    names
      .filter((name) => since[content(name)] !== now[content(name)])
      .map((name) => [name, Math.max(1, Math.abs((now[name] ?? 0) - (since[name] ?? 0)))]),
  );
}
