import type { Definition } from '../model.js';

type Part = [name: string, position: string];

/** What this build can run. All else that a definition names is listed by `unbuilt`. */
const built = {
  runtime: ['processes', 'compose', 'container'],
  source: ['git', 'images'],
  migrations: ['sequelize', 'alembic', 'django', 'command'],
  databases: ['postgres', 'sqlite'],
};
/** Sections and options that wait for their build, by path. */
const later = ['window.announce', 'notes', 'notify'];

/** Parts this build cannot run, a line each, with the place: `runtime compose (systems/shop.yaml:31)`. Empty = it runs. */
export function unbuilt(definition: Definition): string[] {
  const { runtime, source, migrations = {}, databases } = definition;
  const parts: Part[] = [
    ...kinds(source, 'source', ['git', 'images'], built.source),
    ...kinds(runtime, 'runtime', ['processes', 'compose', 'container'], built.runtime),
    ...Object.entries(databases).flatMap(([name, database]) =>
      kinds(database, 'database', ['postgres', 'sqlite'], built.databases, `databases.${name}`),
    ),
    ...kinds(migrations, 'migrations', ['sequelize', 'alembic', 'django', 'command'], built.migrations),
    ...later.filter((path) => at(definition, path) !== undefined).map((path): Part => [path.replace('.', ' '), path]),
  ];
  return parts.map(([name, path]) => `${name} (${place(definition, path)})`);
}

/** Kinds that are not built. */
function kinds(holder: object, word: string, known: string[], done: string[], at = word): Part[] {
  return Object.entries(holder).flatMap(([kind, options]: [string, unknown]): Part[] => {
    if (!known.includes(kind) || options === undefined || done.includes(kind)) return [];
    return [[`${word} ${kind}`, at === word ? `${at}.${kind}` : at]];
  });
}

function at(definition: Definition, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((here, key) => (here as Record<string, unknown> | undefined)?.[key], definition);
}

/** The nearest part above that has a place of its own. */
function place({ positions }: Definition, path: string): string {
  for (let here = path; here; here = here.slice(0, Math.max(0, here.lastIndexOf('.')))) {
    const found = positions[here];
    if (found) return found;
  }
  return positions.host!;
}
