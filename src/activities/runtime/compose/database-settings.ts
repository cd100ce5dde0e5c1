import { basename } from 'node:path';
import type { CheckResult, Database } from '../../../model.js';
import { unasked, type StepContext } from '../../context.js';
import { readAddress, type Address } from '../../data/postgres/address.js';
import type { Project } from './project.js';

interface Claim {
  /** For people; without login. */
  words: string;
  /** Nothing that stands between (a pooler, a name of its own for the same database) explains it. */
  sure: boolean;
}

/**
 * Whether the services that a release starts are told the databases that the definition copies and migrates: by the variable that the definition
 * itself reads. One that lies in another profile, or a default in the compose file, leads them elsewhere without a word. A host's name means
 * different things inside a network and on this host, so that what counts are the kind, the name, and which service is meant.
 */
export function checkServiceDatabases(
  { definition, env }: Pick<StepContext, 'definition' | 'env'>,
  project: Pick<Project, 'ours' | 'services' | 'config'>,
  where: string,
): CheckResult[] {
  return Object.entries(definition.databases).flatMap(([name, database]) => {
    const variable = variableOf(database);
    const own = variable && env.get(variable)?.reveal();
    if (!own) return [];
    const told = project.ours.flatMap((service) => {
      const value = valueIn(project, service, variable);
      return value === undefined ? [] : [{ service, claim: elsewhere(value, own, database, project.services) }];
    });
    if (told.length === 0) return [];
    const others = told.flatMap(({ service, claim }) => (claim ? [{ service, ...claim }] : []));
    const all = others.length === told.length && others.every(({ sure }) => sure);
    const seen = others.map(({ service, words }) => `${variable} of ${service} leads to ${words}`).join('; ');
    const expected = `services have ${name} of the definition: ${wordsOf(own, database)}`;
    const result = unasked(`service-database-${name}`, others.length === 0, expected, seen || 'they do', where);
    return [{ ...result, must: all || others.length === 0 ? 'must' : 'warn' }];
  });
}

function variableOf(database: Database): string | undefined {
  if ('sqlite' in database) return database.sqlite.variable;
  const { url } = database.postgres;
  return url.startsWith('$') ? url.slice(1) : undefined;
}

function valueIn({ config }: Pick<Project, 'config'>, service: string, variable: string): string | undefined {
  const { environment = {} } = config.services[service] ?? {};
  if (!Array.isArray(environment)) return environment[variable] ?? undefined;
  return environment.find((line) => line.startsWith(`${variable}=`))?.slice(variable.length + 1);
}

/** Undefined where nobody can say that it leads elsewhere. */
function elsewhere(value: string, own: string, database: Database, services: string[]): Claim | undefined {
  const [theirs, ours] = [read(value), read(own)];
  if (theirs === undefined || ours === undefined) return undefined;
  if (typeof theirs === 'string' || typeof ours === 'string') {
    const same = typeof theirs === typeof ours && theirs === ours;
    return same ? undefined : { words: wordsOf(value, database), sure: true };
  }
  const home = 'postgres' in database ? database.postgres.in : undefined;
  const byOther = services.includes(theirs.host) && theirs.host !== home;
  if (theirs.database === ours.database && !(byOther && home !== undefined)) return undefined;
  return { words: `${wordsOf(value, database)} at ${theirs.host}`, sure: !byOther };
}

/** Name of a SQLite file, or an address of PostgreSQL. */
function read(value: string): string | Address | undefined {
  const [, file] = /^sqlite(?:\+\w+)?:\/{2,4}([^?#]*)/.exec(value) ?? [];
  if (file !== undefined) return basename(file);
  try {
    return readAddress(value);
  } catch {
    return undefined;
  }
}

function wordsOf(value: string, database: Database): string {
  const found = read(value);
  if (typeof found === 'string') return `the SQLite file ${found}`;
  return found ? `the PostgreSQL database ${found.database}` : Object.keys(database).join();
}
