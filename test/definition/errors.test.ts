import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { validateFile } from '../../src/definition/load.js';
import { edited, inSystems, shop } from './fixture.js';

const H = '  health: { http: /health, expect: 200 }';

/** What is wrong, the part of the fixture that is replaced, what stands there instead, the lines that tell it. */
const mistakes: [title: string, from: string, to: string, errors: string[]][] = [
  [
    'an unknown key',
    'env_file: .env',
    'envfile: .env',
    [
      'systems/shop.yaml:6:5 environments.production.envfile: expected one of host, directory, env_file, url, promote_from, source, runtime, database, files, migrations, backup, rehearsal, preflight, verify, gates, window, watch, on_failure, rollback, secrets, effects, notes, notify, got `envfile`; did you mean `env_file`?',
    ],
  ],
  [
    'an unknown section',
    'gates:',
    'gate:',
    [
      'systems/shop.yaml:22:1 gate: expected one of system, environments, source, runtime, database, files, migrations, backup, rehearsal, preflight, verify, gates, window, watch, on_failure, rollback, secrets, effects, notes, notify, got `gate`; did you mean `gates`?',
    ],
  ],
  [
    'a missing key',
    '    host: localhost\n',
    '',
    ['systems/shop.yaml:3:3 environments.production.host: expected text, got nothing'],
  ],
  [
    'a missing section',
    'source:\n  git: { version_file: VERSION }\n',
    '',
    ['systems/shop.yaml:1:1 source: expected a map, got nothing'],
  ],
  [
    'a number where text is expected',
    'host: localhost',
    'host: 5',
    ['systems/shop.yaml:4:11 environments.production.host: expected text, got 5 (put it between quotes)'],
  ],
  ['an empty section', '\n  go: { roles: [ops] }', '', ['systems/shop.yaml:22:7 gates: expected a map, got nothing']],
  [
    'a duration of another form',
    'gates:',
    'watch: 10 minutes\ngates:',
    ['systems/shop.yaml:22:8 watch: expected a duration such as 90s, 15m, 2h or 7d, got `10 minutes`'],
  ],
  [
    'a word that is none of the known ones',
    'gates:',
    'on_failure: aks\ngates:',
    ['systems/shop.yaml:22:13 on_failure: expected `ask` or `rollback`, got `aks`; did you mean `ask`?'],
  ],
  [
    'a port that is none',
    'ports: [8080]',
    'ports: [808080]',
    ['systems/shop.yaml:14:13 runtime.processes.ports[0]: expected a port, got 808080'],
  ],
  [
    'two runtimes',
    '  open: at_start',
    '  compose: {}\n  open: at_start',
    [
      'systems/shop.yaml:15:3 runtime.compose: expected one of processes, compose, container, got processes and compose',
    ],
  ],
  [
    'a service of the release that a database runs in',
    / {2}processes:[\s\S]*?URL }\n/.exec(shop)![0],
    '  compose: { services: [web, db] }\n  open: at_start\ndatabase:\n  postgres: { url: $DATABASE_URL, in: db }\n',
    [
      'systems/shop.yaml:11:30 runtime.compose.services[1]: expected a service that no database runs in, since a release stops it, got `db`',
    ],
  ],
  [
    'two migration tools',
    '  sequelize: {}',
    '  sequelize: {}\n  alembic: {}',
    [
      'systems/shop.yaml:20:3 migrations.alembic: expected one of sequelize, alembic, django, command, got sequelize and alembic',
    ],
  ],
  [
    "an environment's own migration tool beside that of all",
    'env_file: .env',
    'env_file: .env\n    migrations: { django: {} }',
    [
      'systems/shop.yaml:7:19 environments.production.migrations.django: expected one of sequelize, alembic, django, command, got sequelize and django',
    ],
  ],
  [
    'a source without git and images',
    '  git: { version_file: VERSION }',
    '  image_tag: x',
    ['systems/shop.yaml:8:1 source: expected one of git, images, got none'],
  ],
  [
    'a closed start without its URL',
    'open: at_start',
    'open: { open: [bin/open], close: [bin/close] }',
    ['systems/shop.yaml:15:3 runtime.open.closed_url: expected a URL such as https://shop.example.com, got nothing'],
  ],
  [
    'a misspelt `at_start`',
    'open: at_start',
    'open: at_strat',
    [
      'systems/shop.yaml:15:9 runtime.open: expected `at_start`, or a map of open, close and closed_url, got `at_strat`',
    ],
  ],
  [
    'a command that is no list',
    'start: [bin/start]',
    'start: bin/start',
    ['systems/shop.yaml:12:12 runtime.processes.start: expected a list of arguments, program first, got `bin/start`'],
  ],
  [
    'a check without a kind',
    H,
    '  health: { htpt: /health, expect: 200 }',
    [
      'systems/shop.yaml:21:3 verify.health: expected a check of one kind (http, flow, command, env, file, sql, ask, tls, search, backup, logs, metrics), got none; did you mean `http`?',
    ],
  ],
  [
    'a check with two kinds',
    H,
    '  health: { http: /health, sql: SELECT 1 }',
    [
      'systems/shop.yaml:21:3 verify.health: expected a check of one kind (http, flow, command, env, file, sql, ask, tls, search, backup, logs, metrics), got http and sql',
    ],
  ],
  [
    'a check that is a list',
    H,
    '  health: [/health]',
    [
      'systems/shop.yaml:21:3 verify.health: expected a check of one kind (http, flow, command, env, file, sql, ask, tls, search, backup, logs, metrics), got a list',
    ],
  ],
  [
    'an unknown option of a check',
    H,
    '  health: { http: /health, expct: 200 }',
    [
      'systems/shop.yaml:21:28 verify.health.expct: expected one of http, headers, body, basic, bearer, ca, address, until, hold, repeat, assets, expect, level, when, role, changes, within, got `expct`; did you mean `expect`?',
    ],
  ],
  [
    'a service for a check that is none of its commands',
    H,
    '  health: { sql: SELECT 1, in: db }',
    [
      'systems/shop.yaml:21:28 verify.health.in: expected one of sql, as, set, database, expect, level, when, role, changes, within, got `in`',
      'systems/shop.yaml:21:28 verify.health.in: expected no service, since `runtime` is processes, got `db`',
    ],
  ],
  [
    'an option of another kind',
    H,
    '  health: { http: /health, as: app }',
    [
      'systems/shop.yaml:21:28 verify.health.as: expected one of http, headers, body, basic, bearer, ca, address, until, hold, repeat, assets, expect, level, when, role, changes, within, got `as`',
    ],
  ],
  [
    'an unknown method',
    H,
    '  health: { http: PSOT /health }',
    [
      'systems/shop.yaml:21:19 verify.health.http: expected a request such as /health or POST /api/jobs, got `PSOT /health`',
    ],
  ],
  [
    'an impossible status',
    H,
    '  health: { http: /health, expect: 2000 }',
    ['systems/shop.yaml:21:36 verify.health.expect: expected a status such as 200, 2xx or [200, 204], got 2000'],
  ],
  [
    'an impossible status inside a map',
    H,
    '  health: { http: /health, expect: { status: ok } }',
    ['systems/shop.yaml:21:46 verify.health.expect.status: expected a status such as 200, 2xx or [200, 204], got `ok`'],
  ],
  [
    'an unknown matcher',
    H,
    '  health: { http: /health, expect: { json: { items: { ovr: 0 } } } }',
    [
      'systems/shop.yaml:21:55 verify.health.expect.json.items.ovr: expected one of matches, type, over, under, longer, present, one_of, not, not_placeholder, got `ovr`; did you mean `over`?',
    ],
  ],
  [
    'an empty matcher',
    H,
    '  health: { http: /health, expect: { json: { items: {} } } }',
    [
      'systems/shop.yaml:21:53 verify.health.expect.json.items: expected one of matches, type, over, under, longer, present, one_of, not, not_placeholder, got a map',
    ],
  ],
  [
    'a bound that is none',
    H,
    '  health: { http: /health, expect: { time: { under: soon } } }',
    [
      'systems/shop.yaml:21:53 verify.health.expect.time.under: expected a duration such as 90s, 15m, 2h or 7d, got `soon`',
    ],
  ],
  [
    'a broken regular expression',
    H,
    '  health: { http: /health, expect: { text: { matches: "(" } } }',
    [
      'systems/shop.yaml:21:55 verify.health.expect.text.matches: expected a regular expression, got Unterminated group',
    ],
  ],
  [
    'an unknown fact',
    H,
    '  health: { http: "/health/{versoin}" }',
    [
      'systems/shop.yaml:21:19 verify.health.http: expected one of {version}, {sha}, {url}, {domain}, {date}, {timestamp}, {run}, got `{versoin}`; did you mean `version`?',
    ],
  ],
  [
    'a fact of notes elsewhere',
    H,
    '  health: { http: "/health/{approvers}" }',
    [
      'systems/shop.yaml:21:19 verify.health.http: expected one of {version}, {sha}, {url}, {domain}, {date}, {timestamp}, {run}, got `{approvers}`',
    ],
  ],
  [
    'a name that the flow saves only later',
    H,
    '  health: { flow: [{ http: /a, bearer: "{jwt}" }, { http: POST /login, save: { jwt: token } }] }',
    [
      'systems/shop.yaml:21:40 verify.health.flow[0].bearer: expected one of {version}, {sha}, {url}, {domain}, {date}, {timestamp}, {run}, got `{jwt}`',
    ],
  ],
  [
    'a number among variables',
    H,
    '  health: { env: { PORT: 8100 } }',
    [
      'systems/shop.yaml:21:26 verify.health.env.PORT: expected text or a matcher (put a value between quotes), got 8100',
    ],
  ],
  [
    'a password in a URL',
    'postgres: { url: $DATABASE_URL }',
    'postgres: { url: "postgres://shop:hunter2@db/shop" }',
    [
      'systems/shop.yaml:17:20 database.postgres.url: expected no secret (put it into env_file and write $NAME), got what looks like one',
    ],
  ],
  [
    'a literal password, which is not shown',
    H,
    '  health: { http: /metrics, basic: [prometheus, hunter2] }',
    [
      'systems/shop.yaml:21:49 verify.health.basic[1]: expected a variable of env_file such as $NAME, got another value',
    ],
  ],
  [
    'a literal Authorization header',
    H,
    '  health: { http: /metrics, headers: { Authorization: Bearer abc123 } }',
    [
      'systems/shop.yaml:21:55 verify.health.headers.Authorization: expected no secret (put it into env_file and write $NAME), got what looks like one',
    ],
  ],
  [
    'broken YAML',
    H,
    '  health: { http: /health, expect: 200',
    [
      'systems/shop.yaml:22:1: expected YAML, got Flow map in block collection must be sufficiently indented and end with a }',
    ],
  ],
  [
    'a key that comes twice',
    H,
    `${H}\n${H}`,
    ['systems/shop.yaml:22:3 verify.health: expected each key once, got `health` again'],
  ],
  [
    'a tab as indentation',
    H,
    '\thealth: { http: /health }',
    ['systems/shop.yaml:21:1: expected YAML, got Tabs are not allowed as indentation'],
  ],
  [
    'an alias',
    H,
    '  health: &h { http: /health }\n  again: *h',
    ['systems/shop.yaml:22:10 verify.again: expected the value itself, got the alias `*h`'],
  ],
  [
    'a key of environments at the top',
    'system: shop',
    'system: shop\nhost: localhost',
    ['systems/shop.yaml:2:1 host: expected this key inside an environment, got `host` at the top'],
  ],
  [
    'another system than the file',
    'system: shop',
    'system: shopp',
    ['systems/shop.yaml:1:9 system: expected `shop`, as the file is called, got `shopp`'],
  ],
  [
    'a name of another form',
    '  production:',
    '  Production:',
    [
      'systems/shop.yaml:3:3 environments.Production: expected a name of small letters, digits and hyphens, got `Production`',
    ],
  ],
  [
    'no environment',
    '  production:\n    host: localhost\n    directory: /srv/shop\n    env_file: .env\n    url: http://localhost:8080\n',
    '',
    ['systems/shop.yaml:2:14 environments: expected a map with at least one environment, got nothing'],
  ],
  [
    'a relative directory',
    '/srv/shop',
    'srv/shop',
    ['systems/shop.yaml:5:16 environments.production.directory: expected an absolute path, got `srv/shop`'],
  ],
  [
    'a URL without scheme',
    'url: http://localhost:8080',
    'url: localhost:8080',
    [
      'systems/shop.yaml:7:10 environments.production.url: expected a URL such as https://shop.example.com, got `localhost:8080`',
    ],
  ],
  [
    'a rehearsal with an unknown check',
    'gates:',
    'rehearsal: { checks: [helth] }\ngates:',
    [
      'systems/shop.yaml:22:23 rehearsal.checks[0]: expected a check of verify (health), got `helth`; did you mean `health`?',
    ],
  ],
  [
    'bounds that no number meets',
    'expect: 200 }',
    'expect: { json: { notes: { over: 500, under: 3 } } } }',
    ['systems/shop.yaml:21:61 verify.health.expect.json.notes.over: expected less than `under: 3`, got 500'],
  ],
  [
    'a promotion from nowhere',
    '    host: localhost',
    '    promote_from: dev\n    host: localhost',
    [
      'systems/shop.yaml:4:5 environments.production.promote_from: expected source.images to promote, got none',
      'systems/shop.yaml:4:19 environments.production.promote_from: expected an environment of this system (production), got `dev`',
    ],
  ],
  [
    'an image that is built of no commit',
    '  git: { version_file: VERSION }',
    '  images: { app: { name: shop, build: . } }',
    ['systems/shop.yaml:9:32 source.images.app.build: expected source.git beside it, whose commit is built, got none'],
  ],
  [
    'migrations without a database',
    'database:\n  postgres: { url: $DATABASE_URL }\n',
    '',
    ['systems/shop.yaml:17:3 migrations.sequelize: expected a database in `database`, got none'],
  ],
  [
    'migrations of nobody knows which database',
    'database:\n  postgres: { url: $DATABASE_URL }',
    'database:\n  main: { postgres: { url: $DATABASE_URL } }\n  audit: { postgres: { url: $AUDIT_URL } }',
    ['systems/shop.yaml:20:3 migrations.sequelize: expected database: one of main, audit, got none'],
  ],
  [
    'migrations of an unknown database',
    'sequelize: {}',
    'sequelize: { database: mian }',
    [
      'systems/shop.yaml:19:26 migrations.sequelize.database: expected the name of a database (main), got `mian`; did you mean `main`?',
    ],
  ],
  [
    'an unknown kind of database',
    'postgres: { url: $DATABASE_URL }',
    'postgers: { url: $DATABASE_URL }',
    [
      'systems/shop.yaml:17:3 database.postgers: expected postgres, sqlite, or a name with one of these below it, got `postgers`; did you mean `postgres`?',
    ],
  ],
  [
    'a tree of files that holds a database or another tree',
    'database:\n  postgres: { url: $DATABASE_URL }',
    'files: { keep: [./data/, uploads, uploads/old, data2] }\ndatabase:\n  main: { postgres: { url: $DATABASE_URL } }\n  notes: { sqlite: { file: data/app.db } }\n  inside: { sqlite: { file: uploads/x.db, volume: v } }',
    [
      'systems/shop.yaml:16:17 files.keep[0]: expected a folder that holds no other store, got one with data/app.db',
      'systems/shop.yaml:16:26 files.keep[1]: expected a folder that holds no other store, got one with uploads/old',
      'systems/shop.yaml:22:3 migrations.sequelize: expected database: one of main, notes, inside, got none',
    ],
  ],
  [
    'an unknown key of a database',
    'postgres: { url: $DATABASE_URL }',
    'postgres: { uri: $DATABASE_URL }',
    [
      'systems/shop.yaml:17:3 database.postgres.url: expected text, got nothing',
      'systems/shop.yaml:17:15 database.postgres.uri: expected one of url, backup_url, admin_url, in, got `uri`; did you mean `url`?',
    ],
  ],
  [
    '`in` where no services are',
    H,
    '  health: { command: [pg_isready], in: db }',
    ['systems/shop.yaml:21:36 verify.health.in: expected no service, since `runtime` is processes, got `db`'],
  ],
  [
    'an override that removes nothing',
    '    host: localhost',
    '    verify: { helth: none }\n    host: localhost',
    [
      'systems/shop.yaml:4:15 environments.production.verify.helth: expected something to remove, got `helth`, which is not there; did you mean `health`?',
    ],
  ],
  [
    'an unknown time zone',
    'gates:',
    'window: { opens: sat 20:00, for: 3h, zone: Europe/Berln }\ngates:',
    [
      'systems/shop.yaml:22:44 window.zone: expected a time zone such as Europe/Berlin, got `Europe/Berln`; did you mean `Europe/Berlin`?',
    ],
  ],
  [
    'a window without a time',
    'gates:',
    'window: { opens: saturday, for: 3h }\ngates:',
    ['systems/shop.yaml:22:18 window.opens: expected a time such as 20:00 or sat 20:00, got `saturday`'],
  ],
  [
    'a range of no versions',
    H,
    '  health: { http: /health, when: { version: newer } }',
    [
      'systems/shop.yaml:21:45 verify.health.when.version: expected a version range such as >=2.0.0 <3.0.0, got `newer`',
    ],
  ],
  [
    'an unknown kind of change',
    H,
    '  health: { http: /health, when: { change: [braking] } }',
    [
      'systems/shop.yaml:21:45 verify.health.when.change[0]: expected `none`, `compatible` or `breaking`, got `braking`; did you mean `breaking`?',
    ],
  ],
  [
    'a gate that is none',
    'go: { roles: [ops] }',
    'go: nobody',
    ['systems/shop.yaml:23:7 gates.go: expected a gate or `none`, got `nobody`'],
  ],
  [
    'an unknown key of a gate',
    'go: { roles: [ops] }',
    'go: { role: ops }',
    [
      'systems/shop.yaml:23:9 gates.go.role: expected one of roles, deadline, on_deadline, four_eyes, got `role`; did you mean `roles`?',
    ],
  ],
  [
    'an unknown gate',
    'go: { roles: [ops] }',
    'signoff: { roles: [ops] }',
    [
      'systems/shop.yaml:23:3 gates.signoff: expected one of go, sign-off, rollback, got `signoff`; did you mean `sign-off`?',
    ],
  ],
  [
    'an empty list of roles',
    'go: { roles: [ops] }',
    'go: { roles: [] }',
    ['systems/shop.yaml:23:16 gates.go.roles: expected at least one, got a list'],
  ],
  [
    'a check with a name of another form',
    H,
    '  Health Check: { http: /health }',
    [
      'systems/shop.yaml:21:3 verify.Health Check: expected a name of small letters, digits and hyphens, got `Health Check`',
    ],
  ],
  [
    'an unknown fact in notes',
    'gates:',
    'notes: { CHANGELOG.md: "{date} {who}" }\ngates:',
    [
      'systems/shop.yaml:22:24 notes.CHANGELOG.md: expected one of {version}, {sha}, {url}, {domain}, {date}, {timestamp}, {run}, {outcome}, {approvers}, {backup}, got `{who}`',
    ],
  ],
  [
    'a schedule that is no cron line',
    'gates:',
    'backup: { schedule: daily }\ngates:',
    ['systems/shop.yaml:22:21 backup.schedule: expected five cron fields such as 15 2 * * *, got `daily`'],
  ],
  [
    'an effect that cannot be stopped',
    'gates:',
    'effects: { mail: { start: [bin/mail] } }\ngates:',
    ['systems/shop.yaml:22:12 effects.mail: expected services, or start and stop, got start'],
  ],
  [
    'an effect of services that `start` cannot leave stopped',
    'gates:',
    'effects: { mail: { services: [mailer] } }\ngates:',
    [
      'systems/shop.yaml:22:31 effects.mail.services[0]: expected a service of runtime.compose.services (there is none), got `mailer`',
    ],
  ],
];

describe('an error of a definition', () => {
  it.each(mistakes)('tells of %s where it stands, what was expected and what came', async (_, from, to, errors) => {
    const found = await inSystems({ 'shop.yaml': edited(shop, from, to) }, (dir) =>
      validateFile(join(dir, 'shop.yaml')),
    );
    expect(found.errors).toEqual(errors);
  });

  it('comes with all others at once, each once, in the order of the file', async () => {
    const broken = edited(edited(edited(shop, 'env_file', 'envfile'), '[8080]', '[0]'), 'expect: 200', 'expct: 200');
    const twice = edited(
      broken,
      'source:',
      '  staging:\n    host: other\n    directory: /srv/shop\n    url: https://shop.example.com\nsource:',
    );
    const { errors } = await inSystems({ 'shop.yaml': twice }, (dir) => validateFile(join(dir, 'shop.yaml')));
    expect(errors.map((line) => line.split(': ')[0])).toEqual([
      'systems/shop.yaml:6:5 environments.production.envfile',
      'systems/shop.yaml:18:13 runtime.processes.ports[0]',
      'systems/shop.yaml:25:28 verify.health.expct',
    ]);
  });

  it.each([
    ['url', 'postgres: { url: $DATABASE_URL }', 'postgres: { url: "postgres://shop:hunter2@db/shop" }'],
    ['unknown key', 'env_file: .env', 'env_fil: postgres://shop:hunter2@db/shop'],
    ['wrong type', 'ports: [8080]', 'ports: ["postgres://shop:hunter2@db/shop"]'],
    ['basic', H, '  health: { http: /metrics, basic: [prometheus, hunter2] }'],
    ['bearer', H, '  health: { http: /metrics, bearer: hunter2 }'],
    ['body', H, '  health: { http: POST /login, body: { password: hunter2 } }'],
    ['env', H, '  health: { env: { JWT_SECRET: hunter2 } }'],
    ['passphrase', 'gates:', 'backup: { encrypt: { passphrase: hunter2 } }\ngates:'],
  ])('refuses a literal secret and does not show it: %s', async (_, from, to) => {
    const { errors } = await inSystems({ 'shop.yaml': edited(shop, from, to) }, (dir) =>
      validateFile(join(dir, 'shop.yaml')),
    );
    expect(errors.join('\n')).toMatch(/\$NAME/);
    expect(errors.join('\n')).not.toContain('hunter2');
  });

  it('does not take variables, saved names and facts for secrets', async () => {
    const flow = `  health:
    flow:
      - { http: POST /login, body: { password: $SMOKE_PASSWORD }, save: { jwt: token, pw: password } }
      - { http: /a, bearer: "{jwt}", body: { password: "{pw}" }, basic: [smoke, $SMOKE_PASSWORD] }`;
    const { errors } = await inSystems({ 'shop.yaml': edited(shop, H, flow) }, (dir) =>
      validateFile(join(dir, 'shop.yaml')),
    );
    expect(errors).toEqual([]);
  });
});
