import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { fail } from '../errors.js';
import { Redactor, Secret } from './secret.js';

const secretNames = /(SECRET|PASS|TOKEN|KEY|PASSPHRASE|CREDENTIAL|WEBHOOK|PRIVATE|AUTH)/i;
const plainValue = /^(|true|false|yes|no|on|off)$/i;
const plainNumber = /^-?\d+(\.\d+)?$/;

/** Steps follow each other with the same file: it is read each time, and taken apart once. */
let lastRead: { key: string; content: string | undefined; file: EnvFile } | undefined;

/** The variables of an environment's file: values are given out where they are used, and are secret unless proven plain. */
export class EnvFile {
  readonly path: string | undefined;
  /** Of the file's content; '' when there is no file. */
  readonly sha256: string;
  readonly redactor: Redactor;
  readonly #variables: Map<string, string>;
  readonly #declared: Set<string>;

  private constructor(path: string | undefined, content: string | undefined, declared: string[]) {
    this.path = path;
    this.sha256 = content === undefined ? '' : createHash('sha256').update(content).digest('hex');
    this.#variables = new Map(
      Object.entries(content === undefined ? {} : (parseEnv(content) as Record<string, string>)),
    );
    this.#declared = new Set(declared);
    this.redactor = new Redactor(this.#secrets());
  }

  /**
   * Without a path: no variables. `declared` are names that are secret whatever their name or value looks like.
   * Throws Usage for a missing file, NoRights for one that may not be read.
   */
  static read(path: string | undefined, declared: string[] = []): EnvFile {
    const content = path === undefined ? undefined : readContent(path);
    const key = JSON.stringify([path, declared]);
    if (lastRead?.key !== key || lastRead.content !== content)
      lastRead = { key, content, file: new EnvFile(path, content, declared) };
    return lastRead.file;
  }

  names(): string[] {
    return [...this.#variables.keys()];
  }

  has(name: string): boolean {
    return this.#variables.has(name);
  }

  /** Any variable, wrapped, secret or not. */
  get(name: string): Secret | undefined {
    const value = this.#variables.get(name);
    return value === undefined ? undefined : new Secret(name, value);
  }

  /** The value where it is no secret; undefined where it is one or is not there. */
  plain(name: string): string | undefined {
    return this.isSecret(name) ? undefined : this.#variables.get(name);
  }

  isSecret(name: string): boolean {
    const value = this.#variables.get(name);
    if (value === undefined) return false;
    if (this.#declared.has(name)) return true;
    if (passwordsIn(value) !== undefined) return true;
    if (!secretNames.test(name) || plainValue.test(value)) return false;
    // `TOKEN_HOURS=12` is plain, but a password may be all digits.
    return !plainNumber.test(value) || /(SECRET|PASS)/i.test(name);
  }

  /** The text with each `$NAME` and `${NAME}` replaced by its value. Throws Usage for a variable that is not in the file. */
  value(reference: string): string {
    return reference.replace(/\$(?:\{(\w+)\}|([A-Za-z_]\w*))/g, (_, braced?: string, bare?: string) => {
      const name = braced ?? bare ?? '';
      const value = this.#variables.get(name);
      if (value === undefined) {
        const where = this.path === undefined ? 'an env_file: the definition names none' : this.path;
        throw fail('Usage', `variable ${name} is not in ${where}`);
      }
      return value;
    });
  }

  /** All variables, for a child's environment and nothing else. */
  child(): Record<string, string> {
    return Object.fromEntries(this.#variables);
  }

  #secrets(): Secret[] {
    return [...this.#variables]
      .filter(([name]) => this.isSecret(name))
      .flatMap(([name, value]) => [value, ...(passwordsIn(value) ?? [])].map((part) => new Secret(name, part)));
  }
}

function readContent(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM') {
      throw fail('NoRights', `${path} may not be read: give the worker's user the right to read it`);
    }
    throw fail('Usage', `env_file ${path} cannot be read (${code}): create it, or correct env_file in the definition`);
  }
}

/** Passwords inside a URL or a connection string, raw and decoded; undefined where the value carries no login at all. */
function passwordsIn(value: string): string[] | undefined {
  const keyword = /(?:^|[\s?&;])password\s*=\s*(?:'([^']*)'|([^\s&;]+))/i.exec(value);
  if (keyword) return rawAndDecoded(keyword[1] ?? keyword[2] ?? '');
  // The second pattern is for a password with a raw `/`, `?` or `#`, which is no URL but which some tools accept.
  const url =
    /^([a-z][a-z0-9+.-]*):\/\/([^/?#\s]*)@/i.exec(value) ?? /^([a-z][a-z0-9+.-]*):\/\/([^/?#\s:]*:\S*)@/i.exec(value);
  if (!url) return undefined;
  const [, scheme = '', login = ''] = url;
  const colon = login.indexOf(':');
  if (colon >= 0) return rawAndDecoded(login.slice(colon + 1));
  // `https://TOKEN@host`: over HTTP a login without password is the token itself.
  return /^https?$/i.test(scheme) ? rawAndDecoded(login) : [];
}

function rawAndDecoded(text: string): string[] {
  try {
    return [text, decodeURIComponent(text)];
  } catch {
    return [text];
  }
}
