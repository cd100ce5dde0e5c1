import { normalize } from 'node:path/posix';
import { kindNames } from './check-schema.js';
import { didYouMean } from './nearest.js';
import { describe, find, holdsSecret, told, toPlain, type MapTree, type Tree } from './tree.js';

const databaseKinds = ['postgres', 'sqlite'];

/** What a form cannot say: parts that go together, names that must exist. A line for each breach, in the order of this list. */
export function breaches(tree: MapTree, environments: string[]): string[] {
  return [
    ...['source', 'runtime', 'migrations'].flatMap((section) => kindsOf(tree, section)),
    ...references(tree, ['rehearsal', 'checks'], ['verify']),
    ...references(tree, ['secrets', 'checks'], ['verify', 'preflight']),
    ...promotion(tree, environments),
    ...builds(tree),
    ...databases(tree),
    ...keptApart(tree),
    ...placesInside(tree),
    ...databasesReleased(tree),
    ...effects(tree),
    ...expressions(tree),
    ...bounds(tree),
    ...zone(tree),
    ...encryption(tree),
  ];
}

/** A check is one key that is its kind, plus options. Gives the broken checks by path, and their lines. */
export function kindlessChecks(tree: MapTree): { paths: Set<string>; errors: string[] } {
  const paths = new Set<string>();
  const errors: string[] = [];
  for (const phase of ['preflight', 'verify']) {
    for (const [name, check] of entriesOf(tree.entries.get(phase))) {
      const kinds = check.is === 'map' ? kindsIn(check) : [];
      if (kinds.length === 1) continue;
      paths.add(`${phase}.${name}`);
      const meant =
        check.is === 'map' ? [...check.entries.keys()].map((key) => didYouMean(key, kindNames)).find(Boolean) : '';
      const seen =
        kinds.length > 1
          ? kinds.join(' and ')
          : check.is === 'map'
            ? `none${meant ?? ''}`
            : describe(check.is === 'scalar' ? check.value : []);
      errors.push(told(check.key, `a check of one kind (${kindNames.join(', ')})`, seen));
    }
  }
  return { paths, errors };
}

/** `env` beside `command` is an option. */
function kindsIn(check: MapTree): string[] {
  const kinds: string[] = kindNames.filter((kind) => check.entries.has(kind));
  return kinds.includes('command') ? kinds.filter((kind) => kind !== 'env') : kinds;
}

/** A database is one kind, or a map of names to kinds. */
export function kindlessDatabases(tree: MapTree): { paths: Set<string>; errors: string[] } {
  const database = tree.entries.get('database');
  const errors: string[] = [];
  if (database?.is === 'map') {
    const kinds = databaseKinds.filter((kind) => database.entries.has(kind));
    if (kinds.length > 1) errors.push(told(database.key, 'one kind, or a map of names to kinds', kinds.join(' and ')));
    for (const [name, named] of kinds.length > 0 ? [] : database.entries) {
      if (databaseKinds.filter((kind) => find(named, [kind])).length === 1) continue;
      const expected = `${databaseKinds.join(', ')}, or a name with one of these below it`;
      errors.push(told(named.key, expected, `\`${name}\`${didYouMean(name, databaseKinds)}`));
    }
  }
  return { paths: new Set(errors.length > 0 ? ['database'] : []), errors };
}

/** Secrets belong into env_file: passwords in URLs, tokens, and credentials that are no $NAME. */
export function secrets(tree: Tree): string[] {
  const errors: string[] = [];
  walk(tree, (node) => {
    if (node.is !== 'scalar' || typeof node.value !== 'string') return;
    const literal = !/[${]/.test(node.value) && secretPlaces.some((place) => place.test(node.key.path));
    if (literal || holdsSecret(node.value)) {
      errors.push(told(node.at, 'no secret (put it into env_file and write $NAME)', 'what looks like one'));
    }
  });
  return errors;
}

/** Where a value that is no variable is a secret. */
const secretPlaces = [
  /\.headers\.(?:proxy-)?authorization$/i,
  /\.body\b.*\.(?:password|passphrase|secret|api_?key|client_secret)$/i,
  /\.(?:env|environment|guard)\.\w*(?:SECRET|PASSWORD|PASSPHRASE|TOKEN|API_KEY)\w*$/i,
];

function kindsOf(tree: MapTree, section: string): string[] {
  const here = tree.entries.get(section);
  if (here?.is !== 'map') return [];
  const kinds = {
    source: ['git', 'images'],
    runtime: ['processes', 'compose', 'container'],
    migrations: ['sequelize', 'alembic', 'django', 'command'],
  }[section]!;
  const present = kinds.filter((kind) => here.entries.has(kind));
  if (present.length === 0) return [told(here.key, `one of ${kinds.join(', ')}`, 'none')];
  const second = section === 'source' ? undefined : here.entries.get(present[1] ?? '');
  return second ? [told(second.key, `one of ${kinds.join(', ')}`, present.join(' and '))] : [];
}

function references(tree: MapTree, path: string[], phases: string[]): string[] {
  const checks = find(tree, path);
  if (checks?.is !== 'list') return [];
  const known = phases.flatMap((phase) => [...entriesOf(tree.entries.get(phase))].map(([name]) => name));
  return unknownNames(checks.items, known, `a check of ${phases.join(' or ')}`);
}

function promotion(tree: MapTree, environments: string[]): string[] {
  const from = tree.entries.get('promote_from');
  if (!from) return [];
  const errors = unknownNames([from], environments, 'an environment of this system');
  if (!find(tree, ['source', 'images'])) errors.push(told(from.key, 'source.images to promote', 'none'));
  return errors;
}

/** What is built is the code of a version. */
function builds(tree: MapTree): string[] {
  if (find(tree, ['source', 'git'])) return [];
  return below(find(tree, ['source', 'images'])).flatMap((image) => {
    const build = find(image, ['build']);
    return build ? [told(build.key, 'source.git beside it, whose commit is built', 'none')] : [];
  });
}

function databases(tree: MapTree): string[] {
  const known = [...entriesOf(tree.entries.get('database'))].map(([name]) => name);
  const names = databaseKinds.some((kind) => known.includes(kind)) ? ['main'] : known;
  const tools = below(tree.entries.get('migrations'));
  const queries = ['preflight', 'verify']
    .flatMap((phase) => below(tree.entries.get(phase)))
    .filter((check) => check.is === 'map' && check.entries.has('sql'));
  const effects = below(tree.entries.get('effects')).filter((effect) => find(effect, ['sql']));
  return [...tools, ...queries, ...effects].flatMap((user) => {
    if (user.is !== 'map') return [];
    const database = user.entries.get('database');
    if (database) return unknownNames([database], names, 'the name of a database');
    if (names.length === 1) return [];
    return [
      told(user.key, names.length === 0 ? 'a database in `database`' : `database: one of ${names.join(', ')}`, 'none'),
    ];
  });
}

/** A store inside another one would be put back twice. */
function keptApart(tree: MapTree): string[] {
  const kept = find(tree, ['files', 'keep']);
  if (kept?.is !== 'list') return [];
  const database = tree.entries.get('database');
  const files = [database, ...below(database)].flatMap((one) => {
    const sqlite = one && find(one, ['sqlite']);
    const file = sqlite && !find(sqlite, ['volume']) ? find(sqlite, ['file']) : undefined;
    return file ? [file] : [];
  });
  const path = (node: Tree) => normalize(node.is === 'scalar' ? String(node.value) : '').replace(/\/+$/, '');
  return kept.items.flatMap((folder, index) => {
    const others = [...files, ...kept.items.filter((_, other) => other !== index)];
    const inner = others.find((other) => path(folder) === '.' || `${path(other)}/`.startsWith(`${path(folder)}/`));
    return inner ? [told(folder.at, 'a folder that holds no other store', `one with ${path(inner)}`)] : [];
  });
}

/** `in: SERVICE` has no meaning where no services are. */
function placesInside(tree: MapTree): string[] {
  if (!find(tree, ['runtime', 'processes'])) return [];
  const databases = below(tree.entries.get('database')).flatMap((kind) => [kind, ...below(kind)]);
  const users = ['migrations', 'preflight', 'verify'].flatMap((section) => below(tree.entries.get(section)));
  return [...databases, ...users].flatMap((user) => {
    const place = find(user, ['in']);
    return place ? [told(place.key, 'no service, since `runtime` is processes', describe(toPlain(place)))] : [];
  });
}

/** A release stops its services, and then copies and migrates the database. */
function databasesReleased(tree: MapTree): string[] {
  const services = find(tree, ['runtime', 'compose', 'services']);
  const database = tree.entries.get('database');
  const places = [database, ...below(database)].flatMap((one) => {
    const place = one && find(one, ['postgres', 'in']);
    return place?.is === 'scalar' ? [place.value] : [];
  });
  return (services?.is === 'list' ? services.items : []).flatMap((item) =>
    item.is === 'scalar' && places.includes(item.value)
      ? [told(item.at, 'a service that no database runs in, since a release stops it', describe(item.value))]
      : [],
  );
}

/** Either services that `start` can leave stopped, or commands of its own. */
function effects(tree: MapTree): string[] {
  const services = find(tree, ['runtime', 'compose', 'services']);
  const known = services?.is === 'list' ? services.items.map((item) => String(toPlain(item))) : [];
  return [...entriesOf(tree.entries.get('effects'))].flatMap(([, effect]) => {
    if (effect.is !== 'map') return [];
    const keys = ['services', 'start', 'stop'].filter((key) => effect.entries.has(key));
    if (!['services', 'start,stop'].includes(keys.join()))
      return [told(effect.key, 'services, or start and stop', keys.join(' and ') || 'neither')];
    const named = effect.entries.get('services');
    return named?.is === 'list' ? unknownNames(named.items, known, 'a service of runtime.compose.services') : [];
  });
}

function expressions(tree: MapTree): string[] {
  const errors: string[] = [];
  walk(tree, (node, key) => {
    if ((key !== 'matches' && key !== 'search') || node.is !== 'scalar' || typeof node.value !== 'string') return;
    try {
      // `{version}` and other facts are filled in first; in a pattern of its own a name in braces is none.
      new RegExp(node.value.replace(/\{[A-Za-z_]\w*\}/g, 'x'), 'u');
    } catch (error) {
      errors.push(told(node.at, 'a regular expression', (error as Error).message.split(': ').at(-1)!));
    }
  });
  return errors;
}

/** What no number can be. */
function bounds(tree: MapTree): string[] {
  const errors: string[] = [];
  walk(tree, (node) => {
    if (node.is !== 'map') return;
    const [over, under] = [node.entries.get('over'), node.entries.get('under')];
    if (over?.is !== 'scalar' || under?.is !== 'scalar') return;
    if (typeof over.value === 'number' && typeof under.value === 'number' && over.value >= under.value)
      errors.push(told(over.at, `less than \`under: ${under.value}\``, describe(over.value)));
  });
  return errors;
}

function zone(tree: MapTree): string[] {
  const here = find(tree, ['window', 'zone']);
  if (here?.is !== 'scalar' || typeof here.value !== 'string') return [];
  try {
    new Intl.DateTimeFormat('en', { timeZone: here.value });
    return [];
  } catch {
    const meant = didYouMean(here.value, Intl.supportedValuesOf('timeZone'));
    return [told(here.at, 'a time zone such as Europe/Berlin', describe(here.value) + meant)];
  }
}

/** One way to encrypt, and one that this host can open: what cannot be opened is neither proven nor put back. */
function encryption(tree: MapTree): string[] {
  const here = find(tree, ['backup', 'encrypt']);
  if (here?.is !== 'map') return [];
  const ways = ['passphrase', 'recipients'].filter((way) => here.entries.has(way));
  if (ways.length !== 1) return [told(here.key, 'passphrase or recipients', ways.join(' and ') || 'none')];
  const identity = here.entries.get('identity');
  if (ways[0] === 'passphrase') return identity ? [told(identity.key, 'no identity beside a passphrase', 'one')] : [];
  return identity ? [] : [told(here.key, 'identity: a secret key that opens what is sealed for recipients', 'none')];
}

function unknownNames(items: Tree[], known: string[], expected: string): string[] {
  return items.flatMap((item) => {
    const name = item.is === 'scalar' ? String(item.value) : '';
    if (!name || known.includes(name)) return [];
    return [
      told(item.at, `${expected} (${known.join(', ') || 'there is none'})`, `\`${name}\`${didYouMean(name, known)}`),
    ];
  });
}

function below(tree: Tree | undefined): Tree[] {
  return [...entriesOf(tree)].map(([, part]) => part);
}

function entriesOf(tree: Tree | undefined): Iterable<[string, Tree]> {
  return tree?.is === 'map' ? tree.entries : [];
}

function walk(tree: Tree, visit: (node: Tree, key: string) => void, key = ''): void {
  visit(tree, key);
  if (tree.is === 'map') for (const [name, below] of tree.entries) walk(below, visit, name);
  if (tree.is === 'list') for (const item of tree.items) walk(item, visit, '');
}
