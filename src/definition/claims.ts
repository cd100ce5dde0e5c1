import { basename, resolve } from 'node:path';
import { EnvFile } from '../lib/env-file.js';
import type { Definition } from '../model.js';
import { publishedPorts } from './compose-files.js';

/** Something of a host that only one environment can have. */
export interface Claim {
  environment: string;
  /** null: whichever, since what it claims is reached from all of them. */
  host: string | null;
  /** `port 8080` */
  what: string;
  /** `systems/shop.yaml:41` */
  where: string;
}

/**
 * What an environment takes of its host: directory, ports, compose project, volumes, database. Where its env file and its compose files are here, also what
 * these tell: which database a variable names, which ports services publish.
 */
export function claimsOf(definition: Definition): Claim[] {
  const { environment, host, positions } = definition;
  const env = readEnv(definition);
  const { processes, compose, container } = definition.runtime;
  const claim = (what: string, path: string, on: string | null = host): Claim => ({
    environment,
    host: on,
    what,
    where: positions[path] ?? positions.host!,
  });
  const directory = resolve(definition.directory);
  const claims = [claim(`directory ${directory}`, 'directory')];
  for (const port of processes?.ports ?? []) claims.push(claim(`port ${port}`, 'runtime.processes.ports'));
  for (const port of container?.ports ?? []) claims.push(claim(`port ${port}`, 'runtime.container.ports'));
  if (container) claims.push(claim(`container ${container.name}`, 'runtime.container.name'));
  const project = compose && (compose.project ?? projectOf(directory));
  if (project) claims.push(claim(`compose project ${project}`, 'runtime.compose'));
  for (const port of compose ? publishedPorts(directory, compose, (name) => env?.get(name)?.reveal()) : [])
    claims.push(claim(`port ${port}`, 'runtime.compose'));
  const volumes = new Set(container?.volume ? [container.volume] : []);
  for (const [name, database] of Object.entries(definition.databases)) {
    if ('postgres' in database) {
      const { url, in: service } = database.postgres;
      const told = known(url, env);
      const on = service === undefined && isElsewhere(told) ? null : host;
      const what = databaseOf(definition, told, service && `${service} of ${project ?? 'docker'}`);
      claims.push(claim(`database ${what}`, `databases.${name}`, on));
    } else if (database.sqlite.volume) volumes.add(database.sqlite.volume);
    else claims.push(claim(`database ${resolve(directory, database.sqlite.file)}`, `databases.${name}`));
  }
  // Compose gives each project volumes of its own, under longer names.
  for (const volume of volumes)
    claims.push(claim(`volume ${project ? `${project}_` : ''}${volume}`, 'runtime.container.volume'));
  return claims;
}

/** A line for each thing that two environments claim, of one host or of what several reach, told at the later of the two. */
export function conflicts(own: Claim[], others: Claim[]): string[] {
  const errors: string[] = [];
  own.forEach((claim, index) => {
    const rival = [...own.slice(0, index), ...others].find(
      (other) => other.environment !== claim.environment && other.host === claim.host && other.what === claim.what,
    );
    if (rival) {
      errors.push(
        `${claim.where}:1 ${claim.environment}: expected a ${claim.what} of its own${claim.host === null ? '' : ` on host ${claim.host}`}, got that of ${rival.environment} (${rival.where})`,
      );
    }
  });
  return errors;
}

/** The name that compose gives a project: the folder's, in small letters. */
export function projectOf(directory: string): string {
  return basename(directory)
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');
}

/** The environment's variables; undefined where its env file is not here, or may not be read. */
function readEnv({ env_file, directory }: Definition): EnvFile | undefined {
  try {
    return env_file === undefined ? undefined : EnvFile.read(resolve(directory, env_file));
  } catch {
    return undefined;
  }
}

/** The URL with its variables filled in, where that can be read; else as it is written: what does not read as a URL may be a secret, and is shown nowhere. */
function known(url: string, env: EnvFile | undefined): string {
  try {
    const filled = env?.value(url);
    return filled !== undefined && addressOf(filled) ? filled : url;
  } catch {
    return url;
  }
}

/**
 * A URL that can be read names the database by itself, whatever the login in it; for one inside a service only its name does, since each project has a
 * network of its own. Otherwise two environments with one env_file and one variable have one database.
 */
function databaseOf({ env_file, directory }: Definition, url: string, service: string | undefined): string {
  const literal = addressOf(url);
  if (literal) return service ? `${literal.name} in ${service}` : literal.shown;
  if (!url.startsWith('$')) return url;
  return env_file ? `${url} of ${resolve(directory, env_file)}` : `${url} of the worker`;
}

/** Whether it names a server that other hosts reach by the same name. */
function isElsewhere(url: string): boolean {
  const address = addressOf(url);
  return address !== undefined && address.host !== 'localhost' && !address.host.startsWith('/');
}

/** Where a URL leads, whatever its login, driver and other options are. */
function addressOf(url: string): { host: string; name: string; shown: string } | undefined {
  if (!/^postgres(ql)?(\+\w+)?:\/\//.test(url) || !URL.canParse(url)) return undefined;
  const { hostname, port, pathname, username, searchParams } = new URL(url);
  const written = searchParams.get('host') ?? (hostname || 'localhost');
  const host = /^(127(\.\d+){3}|\[?::1\]?)$/.test(written) ? 'localhost' : written;
  const name = searchParams.get('dbname') ?? (pathname.slice(1) || username);
  return { host, name, shown: `${host}:${searchParams.get('port') ?? (port || 5432)}/${name}` };
}
