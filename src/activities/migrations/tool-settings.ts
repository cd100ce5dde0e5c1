import { fail } from '../../errors.js';
import type { Definition } from '../../model.js';
import type { StepContext } from '../context.js';

interface Common {
  directory?: string;
  in?: string;
  workdir?: string;
  guard?: Record<string, string>;
  database?: string;
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

/** The URL as the definition has it, `$NAME` or literal. */
export function urlReference(definition: Definition): string {
  const name = databaseOf(definition);
  const database = definition.databases[name];
  if (database && 'postgres' in database) return database.postgres.url;
  const where = definition.positions[`databases.${name}`] ?? definition.environment;
  const { kind } = declaredTool(definition);
  throw fail('NotBuilt', `${where}: ${kind} on sqlite is not built into this Slipway; on postgres it is`);
}

/** What permits the migration: for the tool's own commands, and nothing else. */
export function guardValues({ definition, env }: StepContext): Record<string, string> {
  const { guard = {} } = declaredTool(definition).options;
  return Object.fromEntries(Object.entries(guard).map(([name, value]) => [name, env.value(value)]));
}
