interface Cookie {
  value: string;
  path: string;
}

interface Attributes {
  'max-age'?: string;
  expires?: string;
  path?: string;
}

/** Cookies of one try of a flow, by host: kept in memory, never shown. */
export class CookieJar {
  readonly #cookies = new Map<string, Cookie>();

  /** Takes over what an answer sets; an expired cookie is forgotten. */
  keep(url: URL, setCookies: string[]): void {
    for (const line of setCookies) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
      const equals = pair.indexOf('=');
      if (equals < 1) continue;
      const set = readAttributes(attributes);
      const key = `${url.hostname}\n${pair.slice(0, equals)}`;
      const expired =
        set['max-age'] !== undefined ? Number(set['max-age']) <= 0 : Date.parse(set.expires ?? '') <= Date.now();
      const path = set.path?.startsWith('/') ? set.path : '/';
      if (expired) this.#cookies.delete(key);
      else this.#cookies.set(key, { value: pair.slice(equals + 1), path });
    }
  }

  /** The `Cookie` header for a request; undefined where there is none to send. */
  header(url: URL): string | undefined {
    const pairs = [...this.#cookies].filter(
      ([key, { path }]) => key.startsWith(`${url.hostname}\n`) && covers(path, url.pathname),
    );
    return pairs.map(([key, { value }]) => `${key.split('\n')[1]}=${value}`).join('; ') || undefined;
  }

  /** Of one cookie that would be sent there. */
  value(url: URL, name: string): string | undefined {
    return this.#cookies.get(`${url.hostname}\n${name}`)?.value;
  }

  /** Values, for hiding them. */
  values(): string[] {
    return [...this.#cookies.values()].map(({ value }) => value);
  }
}

function readAttributes(attributes: string[]): Attributes {
  const read = attributes.map((part) => [part.split('=', 1)[0]?.toLowerCase(), part.slice(part.indexOf('=') + 1)]);
  return Object.fromEntries(read) as Attributes;
}

function covers(path: string, asked: string): boolean {
  return asked === path || asked.startsWith(path.endsWith('/') ? path : `${path}/`);
}
