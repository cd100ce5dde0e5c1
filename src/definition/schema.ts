import { z } from 'zod';
import { check } from './check-schema.js';
import { overridable } from './overridable.js';
import {
  argv,
  duration,
  filled,
  list,
  name,
  named,
  object,
  port,
  reference,
  secret,
  service,
  text,
  variable,
  variables,
  webUrl,
} from './words.js';

const checkName = () => text('the name of a check', /^[a-z0-9][a-z0-9_-]*$/);
const role = () => filled();
const change = z.enum(['none', 'compatible', 'breaking']);

/** What only an environment says. */
export const environmentKeys = {
  host: filled().describe('Machine whose worker owns the environment'),
  directory: text('an absolute path', /^\/\S*$/).describe('The live checkout'),
  env_file: filled().describe('File with the variables and secrets, relative to `directory`').optional(),
  url: webUrl().describe('Where users reach it'),
  promote_from: filled().describe('Environment whose deployed image digest is taken; nothing is built here').optional(),
};

const migrationPlace = {
  directory: filled().describe('Folder with the tool and its migrations, relative to `directory`').optional(),
  in: service().describe('Runs inside this service; on the host without it').optional(),
  workdir: text('an absolute path', /^\/\S*$/)
    .describe("With `in`: the folder inside where it runs (the service's own working directory)")
    .optional(),
  database: name().describe('Name in `database`, where there are several').optional(),
  lock_timeout: duration()
    .describe(
      'PostgreSQL: how long one of its statements waits for a lock, by PGOPTIONS, which libpq and node-pg read and asyncpg and pgbouncer do not (1m; 0s: for ever, and no PGOPTIONS)',
    )
    .optional(),
};
const migrationTool = {
  ...migrationPlace,
  at: z.literal('start').describe('The application migrates itself when it starts').optional(),
  guard: variables().describe('Variables that permit the migration, for the one command that needs them').optional(),
};

const gate = object({
  roles: list(role()).describe('Who may decide; anybody of people.yaml without it').optional(),
  deadline: duration().describe('How long the gate waits').optional(),
  on_deadline: z.enum(['reject', 'remind']).describe('What happens then (reject)').optional(),
  four_eyes: z.boolean().describe('Not the person who started the run').optional(),
});
const gateOrNone = () => z.union([z.literal('none'), gate], { error: 'a gate or `none`' });

export const databaseKinds = {
  postgres: object({
    url: reference().describe("The application's own URL, as $NAME"),
    backup_url: reference().describe('URL of a role with BYPASSRLS, as $NAME (url)').optional(),
    admin_url: reference().describe('URL of a role that may create and rename databases, as $NAME (url)').optional(),
    in: service().describe('Tools run inside this service; on the host without it').optional(),
  }).describe('PostgreSQL'),
  sqlite: object({
    file: filled().describe('Database file, relative to `directory` or to `volume`'),
    variable: variable().describe('Variable that a rehearsal points at the copy').optional(),
    volume: filled().describe('Volume that holds the file, as the compose file or docker calls it').optional(),
    in: service().describe('Service or container that has the volume').optional(),
  }).describe('SQLite'),
};
const oneDatabase = [object({ postgres: databaseKinds.postgres }), object({ sqlite: databaseKinds.sqlite })] as const;

/** What the file says for all environments, and each environment may override. */
export const sections = {
  source: object({
    git: object({
      remote: filled().describe('Remote to fetch from (origin)').optional(),
      version_file: filled().describe('File that must name the version at its tag').optional(),
      changelog: filled().describe('File that must have an entry for the version').optional(),
      expected_changes: list(filled()).describe('Tracked paths that may differ in the live checkout').optional(),
      signed: z
        .boolean()
        .describe('The tag must carry a good signature of somebody whom Git trusts on the host')
        .optional(),
      install: list(argv())
        .describe(
          'Commands that make a checkout runnable, run beside the live one; at `switch` again where `installs` is missing',
        )
        .optional(),
      installs: list(filled()).describe('What `install` makes: moved into the live checkout at `switch`').optional(),
    })
      .describe('Code from Git tags')
      .optional(),
    images: named(
      object({
        name: filled().describe('Image without tag'),
        build: filled().describe('Build context, relative to `directory`').optional(),
        dockerfile: filled().describe('Dockerfile, relative to `build`').optional(),
      }),
    )
      .describe('Images by compose service, built or pulled before anything stops')
      .optional(),
    image_tag: filled().describe('Tag of the images ({version})').optional(),
  }).describe('Where versions come from: git, images, or both'),

  runtime: object({
    processes: object({
      start: argv().describe('Starts everything'),
      stop: argv().describe('Stops everything'),
      status: argv().describe('Exit code 0 once all runs, another one once nothing does').optional(),
      workers: argv()
        .describe(
          "Prints the system's own pids, where a supervisor that lives on holds the ports for them (pm2's cluster mode); these must have ended, and be younger, in its place",
        )
        .optional(),
      ports: list(port()).describe(
        'Closed ports, and the end of what listened there, prove the stop; a younger listener proves the start',
      ),
      env: variables().describe('Variables of these commands alone').optional(),
      observe: duration()
        .describe(
          'How long what listens, and all that it started, must stay up after the start (300ms, only what listens)',
        )
        .optional(),
      timeout: duration().describe('Deadline of each of these commands (2m)').optional(),
    })
      .describe('Host processes run by commands')
      .optional(),
    compose: object({
      files: list(filled()).describe('Compose files, relative to `directory`').optional(),
      profiles: list(filled()).describe('Profiles to enable').optional(),
      project: filled().describe("Project name (compose's own default)").optional(),
      services: list(service())
        .describe('Services of a release (all but those a database runs in); others stay untouched')
        .optional(),
      restart: list(service()).describe('Services to restart after a switch').optional(),
      renew_anonymous_volumes: z.boolean().describe('up -V').optional(),
      program: argv()
        .describe('How compose is called ([docker, compose], else [docker-compose] where that is all there is)')
        .optional(),
      grace: duration()
        .describe("How long services get to stop (the compose file's); going back takes 5s at most")
        .optional(),
      observe: duration().describe('How long services must stay up after the start (5s)').optional(),
      timeout: duration().describe('Deadline of each compose command (5m)').optional(),
    })
      .describe('docker compose')
      .optional(),
    container: object({
      name: filled().describe('Name of the container'),
      start: argv().describe('Starts it'),
      stop: argv().describe('Stops it'),
      volume: filled().describe('Volume with its data').optional(),
      ports: list(port()).describe('Published ports'),
      observe: duration().describe('How long it must stay up after the start (5s)').optional(),
      timeout: duration().describe('Deadline of each of these commands (5m)').optional(),
    })
      .describe('One container run by scripts')
      .optional(),
    open: z
      .union(
        [
          z.literal('at_start'),
          object({
            open: argv().describe('Lets users in'),
            close: argv().describe('Keeps users out'),
            closed_url: webUrl().describe('Where checks reach the closed application'),
          }),
        ],
        { error: '`at_start`, or a map of open, close and closed_url' },
      )
      .describe('at_start: the start lets users in; else `start` starts closed, until `open` runs'),
  }).describe('What runs it: processes, compose or container; and when users come in'),

  database: z
    .union([...oneDatabase, named(z.union(oneDatabase))], { error: 'postgres, sqlite, or a map of names to these' })
    .describe('One database, or several by name')
    .optional(),

  files: object({
    keep: list(filled()).describe('Backed up and restored together with the databases').optional(),
    protect: list(filled()).describe('Never written to; hashed before and after').optional(),
  })
    .describe('Data that is no database')
    .optional(),

  migrations: object({
    sequelize: object(migrationTool).describe('sequelize-cli').optional(),
    alembic: object({
      ...migrationTool,
      runs: argv().describe('How alembic is called ([alembic])').optional(),
      heads: z
        .enum(['one', 'several'], { error: 'one or several' })
        .describe('Whether a release may have several heads, all of which are applied (one)')
        .optional(),
    })
      .describe('alembic')
      .optional(),
    django: object({
      ...migrationTool,
      runs: argv().describe('How manage.py is called ([python3, manage.py])').optional(),
    })
      .describe('manage.py')
      .optional(),
    command: object({
      applied: argv().describe('Prints the applied revisions, one a line'),
      heads: argv().describe('Prints the revisions that the code wants, one a line'),
      upgrade: argv().describe('Applies all pending ones'),
      downgrade: argv().describe('Takes one back; its name is the last argument').optional(),
      ...migrationTool,
    })
      .describe('Any other tool')
      .optional(),
  })
    .describe('What changes the schema')
    .optional(),

  backup: object({
    directory: filled().describe("Where backups lie (Slipway's own folder)").optional(),
    encrypt: object({
      passphrase: secret().describe('$NAME; opens with plain openssl').optional(),
      recipients: list(text('a public key such as age1…', /^(?:age1[0-9a-z]+|ssh-(?:ed25519|rsa) \S.*)$/))
        .describe('Public keys; opens with plain age')
        .optional(),
      identity: text(
        'a variable of env_file such as $NAME, or an absolute path',
        /^(?:\$[A-Za-z_][A-Za-z0-9_]*|\/\S+)$/,
      )
        .describe(
          'Secret key of one of `recipients`, or a file with it: the stored file is what is proven and put back',
        )
        .optional(),
    })
      .describe('Encryption of the stored file')
      .optional(),
    schedule: text('five cron fields such as 15 2 * * *', /^\S+( \S+){4}$/)
      .describe('Cron times of a backup besides releases')
      .optional(),
    keep: object({
      count: z.int().min(1).describe('At least so many').optional(),
      days: z.int().min(1).describe('At least so long').optional(),
    })
      .describe('How many are kept; never fewer than the last proven one')
      .optional(),
    copy_to: filled().describe('Second place, where each backup is copied and verified').optional(),
  })
    .describe('Backups')
    .optional(),

  rehearsal: object({
    when: object({ change: list(change).describe('Only for releases with such a change').optional() })
      .describe('When to rehearse')
      .optional(),
    checks: list(checkName()).describe('Checks of `verify` to run on the migrated copy').optional(),
  })
    .describe('The proven backup, migrated by the new version, beside the live system')
    .optional(),

  preflight: named(check).describe('Checks before anything changes: one failure is NO-GO').optional(),
  verify: named(check).describe('Checks after a deploy and after a rollback').optional(),

  gates: object({
    go: gateOrNone().describe('Before anything changes').optional(),
    'sign-off': gateOrNone().describe('At the end').optional(),
    rollback: gateOrNone().describe('Before data is put back').optional(),
  })
    .describe('Points where people decide')
    .optional(),

  window: object({
    opens: text(
      'a time such as 20:00 or sat 20:00',
      /^(?:(?:mon|tue|wed|thu|fri|sat|sun) )?(?:[01]\d|2[0-3]):[0-5]\d$/,
    ).describe('[day] time'),
    for: duration().describe('How long it is open'),
    zone: text('a time zone such as Europe/Berlin', /^[A-Za-z_]+(?:\/[A-Za-z0-9_+-]+)*$/)
      .describe('Time zone (UTC)')
      .optional(),
    announce: object({
      webhook: reference().describe('URL, as $NAME'),
      before: duration().describe('How long before it opens'),
    })
      .describe('Announcement')
      .optional(),
  })
    .describe('When maintenance may begin')
    .optional(),
  watch: duration().describe('How long `verify` goes on after open').optional(),
  on_failure: z
    .enum(['ask', 'rollback'])
    .describe('ask: retry, skip, roll back or stop here; rollback: at once')
    .optional(),
  rollback: object({
    prefer: z
      .enum(['restore', 'undo', 'keep'])
      .describe(
        'restore: the copy or backup; undo: to the recorded migration; keep: a rollback leaves the newer schema of releases deployed with --change compatible, if a person agrees, else as restore',
      )
      .optional(),
    restore: z
      .enum(['ask', 'lossless', 'always'])
      .describe('ask: a person always; lossless: alone if proven that no row is lost; always: before `open` too')
      .optional(),
  })
    .describe('What becomes of the data')
    .optional(),

  secrets: object({
    rotate: z
      .record(variable(), z.enum(['generate', 'ask']))
      .describe('What `slipway rotate` renews, and how')
      .optional(),
    keep: list(variable()).describe('Secrets that older backups or people still need').optional(),
    checks: list(checkName()).describe('Checks that prove a rotation').optional(),
  })
    .describe('Secrets: names, never values')
    .optional(),
  effects: named(
    object({
      services: list(service()).describe('Services of `runtime.compose.services`, started last').optional(),
      start: argv().describe('Starts it').optional(),
      stop: argv().describe('Stops it').optional(),
      sql: filled().describe('What is waiting to leave, shown after data was put back').optional(),
      database: name().describe('Name in `database` that `sql` asks, where there are several').optional(),
    }),
  )
    .describe('What acts on the outside world: mail, payments, sync')
    .optional(),
  notes: z
    .record(text('a file, relative to `directory`', /^[^/\s]\S*$/), filled())
    .describe('File → line that is appended after sign-off and after a rollback')
    .optional(),
  notify: object({ webhook: reference().describe('URL, as $NAME') })
    .describe('Told of every outcome')
    .optional(),
};

/** One environment after its overrides: what is checked, and what `resolveDefinition` turns into a Definition. */
export const environmentSchema = object({ ...environmentKeys, ...sections });
export type EnvironmentInput = z.infer<typeof environmentSchema>;

/** A whole file, as editors see it. */
export const fileSchema = object({
  system: name().describe("The application; the file's name"),
  environments: named(object({ ...environmentKeys, ...mapValues(sections, overridable) })).describe(
    'Where it runs; each may override anything below: maps merge, the rest replaces, `none` removes',
  ),
  ...mapValues(sections, (section) => section.optional()),
}).meta({ title: 'Slipway: definition of a system' });

function mapValues<T extends z.ZodRawShape>(
  shape: T,
  change: (value: z.ZodType) => z.ZodType,
): Record<keyof T, z.ZodType> {
  return Object.fromEntries(Object.entries(shape).map(([key, value]) => [key, change(value as z.ZodType)])) as Record<
    keyof T,
    z.ZodType
  >;
}
