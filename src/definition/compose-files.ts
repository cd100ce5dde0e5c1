import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import type { Runtime } from '../model.js';

type Settings = NonNullable<Runtime['compose']>;

const defaults = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'];
const overrides = defaults.map((name) => name.replace(/\.(ya?ml)$/, '.override.$1'));

/** The files that compose reads, relative to the checkout: the definition's, else those that compose looks for itself. */
export function composeFilesIn(directory: string, { files: named }: Settings): string[] {
  if (named) return named;
  const there = (names: string[]) => names.filter((name) => existsSync(join(directory, name))).slice(0, 1);
  const found = there(defaults);
  return found.length > 0 ? [...found, ...there(overrides)] : ['compose.yaml'];
}

/**
 * Ports of this host that the project's services publish, as far as its files are here and tell: `8080`, `53/udp`, with the address in front where only that
 * one is bound (`10.0.0.2:80`). `value` is that of a variable, undefined where it is not known. What cannot be told is left out: preflight asks compose itself.
 */
export function publishedPorts(
  directory: string,
  settings: Settings,
  value: (name: string) => string | undefined,
): string[] {
  const services = new Map<string, { ports: string[]; profiles: string[] }>();
  for (const file of composeFilesIn(directory, settings)) {
    for (const { name, ports, profiles, tag } of servicesOf(join(directory, file))) {
      const known = services.get(name) ?? { ports: [], profiles: [] };
      // Lists of several files are joined, but for those with a tag of compose's own.
      services.set(name, {
        ports: [
          ...(tag === undefined ? known.ports : []),
          ...(tag === '!reset' ? [] : ports.flatMap((port) => portsOf(port, value))),
        ],
        profiles: [...known.profiles, ...profiles],
      });
    }
  }
  const active = [...services].filter(
    ([name, { profiles }]) =>
      profiles.length === 0 ||
      settings.services?.includes(name) ||
      profiles.some((profile) => settings.profiles?.includes(profile)),
  );
  return [...new Set(active.flatMap(([, { ports }]) => ports))];
}

interface Service {
  name: string;
  ports: unknown[];
  profiles: string[];
  /** `!override` or `!reset` of its ports. */
  tag: string | undefined;
}

/** None of a file that is not here, or is no compose file: the runtime's own checks tell that. */
function servicesOf(path: string): Service[] {
  try {
    const document = parseDocument(readFileSync(path, 'utf8'), { merge: true, logLevel: 'silent' });
    const { services } = document.toJS() as {
      services: Record<string, { ports?: unknown[]; profiles?: string[] } | null>;
    };
    return Object.entries(services).map(([name, service]) => {
      const tag = (document.getIn(['services', name, 'ports'], true) as { tag?: string } | undefined)?.tag;
      return {
        name,
        ports: service?.ports ?? [],
        profiles: service?.profiles ?? [],
        tag: tag === '!override' || tag === '!reset' ? tag : undefined,
      };
    });
  } catch {
    return [];
  }
}

/** `8080:80`, `127.0.0.1:8080:80/udp`, `8000-8002:80-82`, or a map with `published`. A container's port alone gets any free one. */
function portsOf(port: unknown, value: (name: string) => string | undefined): string[] {
  const filled = (part: unknown) =>
    fill(typeof part === 'string' || typeof part === 'number' ? String(part) : '', value);
  if (typeof port === 'object' && port !== null) {
    const { published, host_ip, protocol } = port as Record<string, unknown>;
    return ranged(filled(published) ?? '', filled(host_ip) ?? '', filled(protocol) ?? '');
  }
  const [whole = '', protocol = ''] = (filled(port) ?? '').split('/');
  const [, host = '', published = ''] = /^(?:(.*):)?([\d-]+):[\d-]+$/.exec(whole) ?? [];
  return ranged(published, host, protocol);
}

function ranged(published: string, host: string, protocol: string): string[] {
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(published) ?? [];
  if (first === undefined || Number(last) - Number(first) > 1000) return [];
  const everywhere = /^(0\.0\.0\.0|127(\.\d+){3}|localhost|\[?::1?\]?|)$/.test(host);
  const [before, after] = [everywhere ? '' : `${host}:`, protocol === 'udp' ? '/udp' : ''];
  return Array.from(
    { length: Number(last) - Number(first) + 1 },
    (_, index) => before + (Number(first) + index) + after,
  );
}

/** As compose fills variables in; undefined where one of them is not known. */
function fill(text: string, value: (name: string) => string | undefined): string | undefined {
  let known = true;
  const filled = text.replace(
    /\$\$|\$(?:\{(\w+)(?:(:?[-?])([^}]*))?\}|(\w+))/g,
    (all, braced?: string, how?: string, other?: string, bare?: string) => {
      if (all === '$$') return '$';
      const found = value(braced ?? bare ?? '');
      if (found !== undefined && !(found === '' && how?.startsWith(':'))) return found;
      if (how?.endsWith('-')) return other ?? '';
      known = false;
      return '';
    },
  );
  return known ? filled : undefined;
}
