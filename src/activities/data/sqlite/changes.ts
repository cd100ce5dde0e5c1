import { existsSync } from 'node:fs';
import type { StepContext } from '../../context.js';
import { namedChanges } from '../changes.js';
import { lookAt, type Looked } from './look.js';

/** What the live file has otherwise than its copy: tables, columns, indexes by name, and tables whose rows differ. A file that is missing is an empty one. */
export async function changesSince(context: StepContext, live: string, copy: string): Promise<string[]> {
  const before = await lookAt(context, copy);
  const now = existsSync(live) ? await lookAt(context, live, 'live') : undefined;
  const columnsOf = (looked: Looked, table: string) => JSON.stringify(looked.columns.filter(([of]) => of === table));
  const rows = Object.entries(now?.contents.tables ?? {}).filter(([table, { hash }]) => {
    const had = before.contents.tables[table];
    // With other columns every row is another one, which the columns tell already.
    const same = now && columnsOf(before, table) === columnsOf(now, table);
    return had !== undefined && had.hash !== hash && same && !table.startsWith('sqlite_');
  });
  return [...namedChanges(catalogOf(before), catalogOf(now)), ...rows.map(([table]) => `rows of ${table}`)];
}

/** In the headings of a PostgreSQL catalog. A table's own text has its columns: where it changed, these tell how. */
function catalogOf(looked: Looked | undefined): Record<string, string[]> {
  const schema = (looked?.catalog.schema ?? []).map(
    (line) => JSON.parse(line) as [string, string, string, string | null],
  );
  const quoted = (name: string) => (/^\w+$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`);
  const of = (...types: string[]) => schema.filter(([type]) => types.includes(type));
  return {
    relations: of('table', 'view').map(([type, name]) => `${quoted(name)} kind ${type === 'view' ? 'v' : 'r'} `),
    columns: (looked?.columns ?? []).map(
      ([table, column, ...rest]) => `${quoted(table)}.${quoted(column)} ${JSON.stringify(rest)}`,
    ),
    indexes: of('index').map(([, name, table, sql]) => `${quoted(name)} on ${quoted(table)} ${sql ?? ''}`),
    triggers: of('trigger').map(([, name, table, sql]) => `${quoted(name)} on ${quoted(table)} ${sql ?? ''}`),
  };
}
