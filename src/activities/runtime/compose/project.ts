import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { parseDuration } from '../../../definition/durations.js';
import { fail } from '../../../errors.js';
import { hashOf } from '../../../lib/files.js';
import type { Argv, Definition, Release } from '../../../model.js';
import { anyExitCode, type StepContext } from '../../context.js';
import { projectContainers, type Container } from '../docker-state.js';
import { guardValues } from '../guard.js';
import { composeArgv, composeFiles, composeOf, projectName } from './arguments.js';

/** What compose makes of its files, profiles and variables. */
export interface Project {
  /** Services of the active profiles. */
  services: string[];
  /** Those that a release starts and stops. */
  ours: string[];
  /** Services that each waits for. */
  needs: Record<string, string[]>;
  /** Those that others await until they have ended well. */
  awaited: string[];
  /** Services that compose itself would build. */
  built: string[];
  images: Record<string, string>;
  /** Published on this host by those that a release starts. */
  ports: number[];
  /** Volumes that compose does not make itself: without them `up` fails. */
  volumes: string[];
  /** `pull_policy`, where it may bring another image than the one that is here. */
  pulls: Record<string, string>;
  /** `stop_grace_period` in seconds, of those that say one. */
  graces: Record<string, number>;
  /** What all this was read from, values of variables included: never to be shown. */
  config: Config;
  /** Names of variables that are set nowhere. */
  unset: string[];
  /** Of the whole resolved configuration, secrets included: says whether it changed, and nothing else. */
  sha256: string;
}

/** By activity: each call that asks in one for the same files gets the same answer. */
const read = new WeakMap<AbortSignal, Map<string, Promise<Project>>>();

/** `docker compose config`, once in an activity. Throws BadDefinition with compose's own words where the files do not resolve. */
export async function readProject(context: StepContext, override?: string): Promise<Project> {
  const { definition, interrupted } = context;
  const known = read.get(interrupted) ?? new Map<string, Promise<Project>>();
  read.set(interrupted, known);
  const argv = [...composeArgv(definition, override), 'config'];
  // What a test or a person changes meanwhile is read anew.
  const texts = await Promise.all(
    composeFiles(definition).map((file) => readFile(join(definition.directory, file), 'utf8').catch(() => '')),
  );
  const key = JSON.stringify([definition.directory, argv, texts]);
  const project = known.get(key) ?? resolveProject(context, argv);
  known.set(key, project);
  return project;
}

async function resolveProject(context: StepContext, argv: Argv): Promise<Project> {
  const request = { argv, cwd: context.definition.directory, env: guardValues(context), ok: anyExitCode };
  const { exitCode, stdout = '', stderr = '' } = await context.look(request);
  if (exitCode !== 0) throw fail('BadDefinition', `${place(context)}: docker compose says: ${lastLine(stderr)}`);
  const config = parse(stdout) as Config;
  const services = Object.keys(config.services);
  const ours = oursAmong(context.definition, services);
  return {
    services,
    ours,
    needs: mapValues(config, ({ depends_on = {} }) =>
      Array.isArray(depends_on) ? depends_on : Object.keys(depends_on),
    ),
    awaited: Object.values(config.services).flatMap(({ depends_on = {} }) =>
      Object.entries(Array.isArray(depends_on) ? {} : depends_on).flatMap(([service, how]) =>
        how?.condition === 'service_completed_successfully' ? [service] : [],
      ),
    ),
    built: services.filter((service) => config.services[service]?.build !== undefined),
    images: mapValues(config, ({ image }) => image ?? ''),
    ports: [...new Set(ours.flatMap((service) => (config.services[service]?.ports ?? []).flatMap(publishedPorts)))],
    volumes: Object.entries(config.volumes ?? {}).flatMap(([name, volume]) =>
      volume?.external ? [volume.name ?? name] : [],
    ),
    // Beside warnings, which may be read for names, stands no value.
    unset: unsetVariables(stderr),
    pulls: picked(config, ({ pull_policy = '' }) =>
      /^(missing|if_not_present|never|build|)$/.test(pull_policy) ? undefined : pull_policy,
    ),
    graces: picked(config, ({ stop_grace_period = '' }) => {
      const ms = parseDuration(stop_grace_period);
      return ms === undefined ? undefined : Math.ceil(ms / 1000);
    }),
    config,
    sha256: createHash('sha256').update(stdout).digest('hex'),
  };
}

/** Those that the definition names; without names all but what must run for the data to be copied and migrated. */
export function oursAmong(definition: Definition, services: string[]): string[] {
  const kept = databaseServices(definition);
  return composeOf(definition).services ?? services.filter((service) => !kept.includes(service));
}

/** Services that a database runs in: no release stops them. */
export function databaseServices({ databases }: Definition): string[] {
  return Object.values(databases).flatMap((one) => ('postgres' in one && one.postgres.in ? [one.postgres.in] : []));
}

/** Named by the warnings of compose; v1 writes them without quotes. */
export function unsetVariables(output: string): string[] {
  const found = output.matchAll(/The \\?"?(\w+)\\?"? variable is not set/g);
  return [...new Set([...found].map(([, name]) => name ?? ''))];
}

/** v2 resolves ports to records, v1 to `127.0.0.1:8080:80/tcp`; both keep a range as one. */
export function publishedPorts(port: ConfigPort): number[] {
  const [address = '', protocol = 'tcp'] =
    typeof port === 'string' ? port.split('/') : [`${port.published ?? ''}:`, port.protocol];
  const [first, last = first] = (address.split(':').at(-2) ?? '').split('-').map(Number);
  if (protocol !== 'tcp' || !first || !last) return [];
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** Containers of the project: those of a release, and those that it must leave alone. */
export async function containersOf(
  context: StepContext,
  ours: string[],
): Promise<{ ours: Container[]; others: Container[] }> {
  const all = await projectContainers((request) => context.look(request), projectName(context.definition));
  return {
    ours: all.filter(({ service }) => ours.includes(service)),
    others: all.filter(({ service }) => !ours.includes(service)),
  };
}

/** For the plan, so that another configuration makes it another one. */
export function configLine({ sha256 }: Project): string {
  return `# docker compose config: sha256 ${sha256}`;
}

/** The same of a release that is not here yet. `config`: with the live one's paths. */
export function comingLine({ version }: Release, config: Config): string {
  return `# docker compose config of ${version}: sha256 ${hashOf(config)}`;
}

export function place({ definition }: StepContext): string {
  return definition.positions['runtime.compose'] ?? definition.environment;
}

type ConfigPort = string | { published?: string | number; protocol?: string };
export interface Config {
  services: Record<string, ConfigService>;
  volumes?: Record<string, { name?: string; external?: unknown } | null>;
}
interface ConfigService {
  build?: unknown;
  image?: string;
  pull_policy?: string;
  stop_grace_period?: string;
  /** v1 lists `NAME=value`. */
  environment?: Record<string, string | null> | string[];
  depends_on?: Record<string, { condition?: string } | null> | string[];
  ports?: ConfigPort[];
}

function mapValues<T>(config: Config, take: (service: ConfigService) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(config.services).map(([name, service]) => [name, take(service)]));
}

function picked<T>(config: Config, take: (service: ConfigService) => T | undefined): Record<string, T> {
  const all = Object.entries(mapValues(config, take));
  return Object.fromEntries(all.filter((one): one is [string, T & {}] => one[1] !== undefined));
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? 'nothing';
}
