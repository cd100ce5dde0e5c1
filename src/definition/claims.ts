import { basename, resolve } from 'node:path';
import type { Definition } from '../model.js';

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

/** What an environment takes of its host: directory, ports, compose project, volumes, database. */
export function claimsOf(definition: Definition): Claim[] {
  const { environment, host, positions } = definition;
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
  const volumes = new Set(container?.volume ? [container.volume] : []);
  for (const [name, database] of Object.entries(definition.databases)) {
    if ('postgres' in database) {
      const { url, in: service } = database.postgres;
      const on = service === undefined && isElsewhere(url) ? null : host;
      claims.push(claim(`database ${databaseOf(definition, url)}`, `databases.${name}`, on));
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

/** Two environments with one env_file and one variable have one database. A literal URL names it by itself. */
function databaseOf({ env_file, directory }: Definition, url: string): string {
  const literal = addressOf(url);
  if (literal) return literal.shown;
  if (!url.startsWith('$')) return url;
  return env_file ? `${url} of ${resolve(directory, env_file)}` : `${url} of the worker`;
}

/** Whether it names a server that other hosts reach by the same name. */
function isElsewhere(url: string): boolean {
  const address = addressOf(url);
  return address !== undefined && !/^(localhost$|127(\.\d+){3}$|\[?::1\]?$|\/)/.test(address.host);
}

/** Where a literal URL leads, whatever its login, driver and other options are. */
function addressOf(url: string): { host: string; shown: string } | undefined {
  if (!/^postgres(ql)?(\+\w+)?:\/\//.test(url) || !URL.canParse(url)) return undefined;
  const { hostname, port, pathname, username, searchParams } = new URL(url);
  const host = searchParams.get('host') ?? (hostname || 'localhost');
  const name = searchParams.get('dbname') ?? (pathname.slice(1) || username);
  return { host, shown: `${host}:${searchParams.get('port') ?? (port || 5432)}/${name}` };
}
