import { fail } from '../../errors.js';
import type { Database, Definition } from '../../model.js';
import type { StepContext } from '../context.js';
import type { Store } from '../data/contract.js';
import { stores } from '../data/lookup.js';
import { liveFile } from '../data/sqlite/live-file.js';

interface Common {
  directory?: string;
  in?: string;
  workdir?: string;
  guard?: Record<string, string>;
  database?: string;
  lockTimeoutMs?: number;
}

/** The tool that the definition names, with what all of them may be told. Throws BadDefinition where there is none. */
export function declaredTool({ environment, migrations }: Definition): { kind: string; options: Common } {
  const [found] = Object.entries(migrations ?? {}).filter(([, options]) => options !== undefined);
  if (!found) throw fail('BadDefinition', `${environment}: migrations names no tool`);
  return { kind: found[0], options: found[1] as Common };
}

/** Name in `databases` of the one that it migrates. */
export function databaseOf(definition: Definition): string {
  const names = Object.keys(definition.databases);
  const { kind, options } = declaredTool(definition);
  const named = options.database ?? (names.length === 1 ? names[0] : undefined);
  if (named !== undefined && names.includes(named)) return named;
  const where = definition.positions[`migrations.${kind}`] ?? definition.environment;
  throw fail(
    'BadDefinition',
    `${where}: write migrations.${kind}.database: one of ${names.join(', ') || '(there is no database)'}`,
  );
}

/** Where it is kept, as every copy and swap of it sees it. */
export function migratedStore(definition: Definition): Store | undefined {
  return stores(definition).find(({ name }) => name === databaseOf(definition));
}

export function migratedDatabase(definition: Definition): Database {
  return definition.databases[databaseOf(definition)]!;
}

/** Where the live database is: its URL, or the path of its file on this host. */
export async function liveUrl(context: StepContext): Promise<string> {
  const database = migratedDatabase(context.definition);
  if ('postgres' in database) return context.env.value(database.postgres.url);
  return liveFile(context, database.sqlite);
}

/** Of the tool's own sessions: 0 where they wait for ever, as on SQLite. */
export function lockTimeoutMs(definition: Definition): number {
  const { lockTimeoutMs: said = 60_000 } = declaredTool(definition).options;
  return 'postgres' in migratedDatabase(definition) ? said : 0;
}

/** A definition's own PGOPTIONS come after ours, so that they win. */
export function lockSettings({ definition, env }: StepContext): Record<string, string> {
  const timeoutMs = lockTimeoutMs(definition);
  if (timeoutMs === 0) return {};
  const own = env.get('PGOPTIONS')?.reveal();
  return { PGOPTIONS: [`-c lock_timeout=${timeoutMs}`, ...(own ? [own] : [])].join(' ') };
}

/** What permits the migration: for the tool's own commands, and nothing else. */
export function guardValues({ definition, env }: StepContext): Record<string, string> {
  const { guard = {} } = declaredTool(definition).options;
  return Object.fromEntries(Object.entries(guard).map(([name, value]) => [name, env.value(value)]));
}
