import { posix } from 'node:path';
import type { Release } from '../../model.js';
import type { StepContext } from '../context.js';
import { source } from '../source/lookup.js';
import { declaredTool } from './tool-settings.js';

/** One migration file. Revisions are written `app.name`, as Django's own table has them. */
export interface DjangoMigration {
  revision: string;
  app: string;
  /** Others of the same app that it stands upon. */
  upon: string[];
  /** What it was squashed from: after it all of them count as applied. */
  replaces: string[];
  /** Half of it stays where it fails. */
  outsideTransaction: boolean;
}
/** Of one release. */
export interface DjangoCode {
  /** Of each app with a folder `migrations`, also an empty one. */
  apps: Set<string>;
  migrations: DjangoMigration[];
}

/** The release's own migrations, read from the text of its files: none of its code is run. */
export async function readCode(context: StepContext, release: Release): Promise<DjangoCode> {
  const { directory = '.' } = declaredTool(context.definition).options;
  const files = await source(context.definition).texts(
    context,
    release,
    directory,
    /(^|\/)(migrations\/[^/]+|apps)\.py$/,
  );
  const apps = new Map<string, string>();
  const labelOf = (path: string): string => {
    const folder = posix.dirname(posix.dirname(path));
    const label = /^\s+label\s*=\s*['"](\w+)['"]/m.exec(files[posix.join(folder, 'apps.py')] ?? '')?.[1];
    return label ?? posix.basename(folder);
  };
  const inFolders = Object.keys(files).filter((path) => posix.basename(posix.dirname(path)) === 'migrations');
  for (const path of inFolders) apps.set(path, labelOf(path));
  const migrations = inFolders
    .filter((path) => !/^[_~]/.test(posix.basename(path)) && /^class Migration\b/m.test(files[path]!))
    .map((path) => readMigration(apps.get(path)!, posix.basename(path, '.py'), files[path]!))
    .sort((a, b) => (a.revision < b.revision ? -1 : 1));
  return { apps: new Set(apps.values()), migrations };
}

/** All that the release's files stand for: themselves and what they replace. */
export function revisionsOf({ migrations }: DjangoCode): string[] {
  return [...new Set(migrations.flatMap(({ revision, replaces }) => [...replaces, revision]))].sort();
}

/** By app: those upon which no other one of it stands, where there are several. Django refuses to migrate then. */
export function conflictsOf({ apps, migrations }: DjangoCode): string[][] {
  const replaced = new Set(migrations.flatMap(({ replaces }) => replaces));
  const left = migrations.filter(({ revision }) => !replaced.has(revision));
  const heads = left.filter(({ revision }) => !left.some(({ upon }) => upon.includes(revision)));
  return [...apps]
    .map((app) => heads.filter((one) => one.app === app).map(({ revision }) => revision))
    .filter((ends) => ends.length > 1);
}

export function appOf(revision: string): string {
  return revision.slice(0, revision.indexOf('.'));
}

function readMigration(app: string, name: string, text: string): DjangoMigration {
  return {
    revision: `${app}.${name}`,
    app,
    upon: pairsOf(text, 'dependencies').filter((one) => appOf(one) === app),
    replaces: pairsOf(text, 'replaces'),
    outsideTransaction: /^\s+atomic\s*=\s*False/m.test(text),
  };
}

/** The pairs of app and name in a list, as Django writes it. */
function pairsOf(text: string, list: 'dependencies' | 'replaces'): string[] {
  const [, body = ''] = new RegExp(`^\\s+${list}(?:\\s*:[^=\\n]*)?\\s*=\\s*\\[([^\\]]*)\\]`, 'm').exec(text) ?? [];
  const pairs = body.matchAll(/\(\s*['"](\w+)['"]\s*,\s*['"]([^'"]+)['"]\s*,?\s*\)/g);
  return [...pairs].map(([, app = '', name = '']) => `${app}.${name}`);
}
