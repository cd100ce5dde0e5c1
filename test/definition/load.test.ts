import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listEnvironments, loadDefinition, validateFile } from '../../src/definition/load.js';
import { edited, inSystems, shop } from './fixture.js';

const load = (text: string, environment = 'shop/production') =>
  inSystems({ 'shop.yaml': text }, (dir) => loadDefinition(dir, environment));
const overridden = (overrides: string, all = '') =>
  load(
    edited(
      shop,
      'source:',
      `  staging:\n    host: other\n    directory: /srv/shop\n    url: https://s.example.com\n${overrides}\nsource:`,
    ) + all,
    'shop/staging',
  );

describe('loadDefinition', () => {
  it('fills in what is not said', async () => {
    const definition = await load(shop);
    expect(definition).toMatchObject({
      system: 'shop',
      environment: 'shop/production',
      databases: {
        main: { postgres: { url: '$DATABASE_URL', backup_url: '$DATABASE_URL', admin_url: '$DATABASE_URL' } },
      },
      runtime: { processes: { env: {}, timeoutMs: 120_000 }, open: 'at_start' },
      backup: {},
      preflight: {},
      gates: { go: { roles: ['ops'], on_deadline: 'reject', four_eyes: false } },
      watchMs: 0,
      on_failure: 'ask',
      rollback: { prefer: 'restore', restore: 'ask' },
    });
    expect(definition).not.toHaveProperty('database');
    expect(definition).not.toHaveProperty('watch');
  });

  it('makes short forms long and durations milliseconds', async () => {
    const text =
      edited(
        edited(
          edited(shop, 'go: { roles: [ops] }', 'go: { deadline: 48h }\n  rollback: none'),
          'expect: 200 }',
          'expect: 200, level: warn, within: 90s }',
        ),
        'ports: [8080]',
        'ports: [8080]\n    observe: 5s',
      ) + 'watch: 1h30m\n';
    const definition = await load(text);
    expect(definition.runtime.processes).toMatchObject({ observeMs: 5_000 });
    expect(definition.verify.health).toEqual({
      http: '/health',
      expect: { status: 200 },
      must: 'warn',
      withinMs: 90_000,
    });
    expect(definition.gates).toEqual({ go: { deadlineMs: 172_800_000, on_deadline: 'reject', four_eyes: false } });
    expect(definition.watchMs).toBe(5_400_000);
  });

  it('keeps several databases by their names, each with its own place', async () => {
    const several =
      'database:\n  main: { postgres: { url: $DATABASE_URL, admin_url: $ADMIN_URL } }\n  audit: { sqlite: { file: audit.db } }';
    const text = edited(
      edited(shop, 'database:\n  postgres: { url: $DATABASE_URL }', several),
      'sequelize: {}',
      'sequelize: { database: main, lock_timeout: 5s }',
    );
    const definition = await load(text);
    expect(definition.migrations).toEqual({ sequelize: { database: 'main', lockTimeoutMs: 5000 } });
    expect(definition.databases).toEqual({
      main: { postgres: { url: '$DATABASE_URL', backup_url: '$DATABASE_URL', admin_url: '$ADMIN_URL' } },
      audit: { sqlite: { file: 'audit.db' } },
    });
    expect(definition.positions['databases.audit']).toBe('systems/shop.yaml:18');
  });

  it('lays an environment over the file: maps merge, the rest replaces, `none` removes', async () => {
    const definition = await overridden(
      `    runtime: { processes: { ports: [9090, 9091] } }
    verify: { health: { expect: { status: 204 } }, own: { ask: Looks right } }
    gates: { go: none, sign-off: none }
    preflight: { gone: none }
    window: none`,
      'window: { opens: sat 20:00, for: 3h }\npreflight: { gone: { ask: Gone }, kept: { ask: Kept } }\n',
    );
    expect(definition.runtime.processes).toMatchObject({ start: ['bin/start'], ports: [9090, 9091] });
    expect(definition.verify).toEqual({
      health: { http: '/health', expect: { status: 204 } },
      own: { ask: 'Looks right' },
    });
    expect(definition.gates).toEqual({});
    expect(Object.keys(definition.preflight)).toEqual(['kept']);
    expect(definition.window).toBeUndefined();
    expect(definition.positions['verify.own']).toBe('systems/shop.yaml:13');
    expect(definition.positions['preflight.kept']).toBe('systems/shop.yaml:34');
  });

  it('tells an error of an override at its own line, with its own path', async () => {
    await expect(overridden('    watch: soon')).rejects.toMatchObject({
      type: 'BadDefinition',
      message:
        'systems/shop.yaml:12:12 environments.staging.watch: expected a duration such as 90s, 15m, 2h or 7d, got `soon`',
    });
  });

  it('does not let one environment fail for the errors of another', async () => {
    const text = edited(shop, 'source:', '  staging: { host: other }\nsource:');
    await expect(load(text)).resolves.toMatchObject({ host: 'localhost' });
  });

  it.each([
    ['shop/prod', 'shop/prod in DIR: did you mean shop/production? known: shop/production'],
    ['shpo/production', 'shpo/production in DIR: did you mean shop/production? known: shop/production'],
    ['other/else', 'other/else in DIR: known: shop/production'],
    ['../shop/production', '../shop/production in DIR: did you mean shop/production? known: shop/production'],
  ])('names the known environments for %s', async (environment, message) => {
    await inSystems({ 'shop.yaml': shop }, async (dir) => {
      const expected = { type: 'Usage', message: `no environment ${message.replace('DIR', dir)}` };
      await expect(loadDefinition(dir, environment)).rejects.toMatchObject(expected);
    });
  });
});

describe('a pattern', () => {
  it('may name a fact', async () => {
    const text = edited(shop, 'expect: 200', 'expect: { text: { matches: "^v{version}$" } }');
    const definition = await load(text);
    expect(definition.verify.health?.expect).toEqual({ text: { matches: '^v{version}$' } });
  });
});

describe('the baseline of a search', () => {
  const searching = edited(
    shop,
    'verify:',
    'verify:\n  old: { search: "v[12]", paths: [docs], baseline: shop.old.txt }',
  );

  it('is a file beside the definition, and part of it: remarks and empty lines are none of its lines', async () => {
    const files = { 'shop.yaml': searching, 'shop.old.txt': '# reviewed by ann\n\ndocs/a.md:  v1 was #1\n' };
    const definition = await inSystems(files, (dir) => loadDefinition(dir, 'shop/production'));
    expect(definition.verify.old?.baseline).toEqual(['docs/a.md:  v1 was #1']);
  });

  it('has to be there', async () => {
    const message =
      /^systems\/shop\.yaml:21: verify\.old\.baseline: expected a file beside the definition, got none at .*shop\.old\.txt/;
    await expect(load(searching)).rejects.toThrow(message);
    const { errors } = await inSystems({ 'shop.yaml': searching }, (dir) => validateFile(join(dir, 'shop.yaml')));
    expect(errors).toEqual([expect.stringMatching(message)]);
  });
});

describe('listEnvironments', () => {
  it('lists every environment with its host, and says what cannot be read', async () => {
    await inSystems({ 'shop.yaml': shop, 'broken.yaml': 'system: [', 'old.yml': shop }, async (dir) => {
      const { environments, errors } = await listEnvironments(dir);
      expect(environments).toEqual({ 'shop/production': { file: join(dir, 'shop.yaml'), host: 'localhost' } });
      expect(errors).toEqual([
        'systems/old.yml: expected the ending .yaml, got .yml',
        expect.stringMatching(/^systems\/broken\.yaml:1:10: expected YAML, got /),
      ]);
    });
  });

  it('says what to name where there is no such folder', async () => {
    const { errors } = await listEnvironments('/nowhere/systems');
    expect(errors).toEqual(['no folder /nowhere/systems: name the one that holds the definitions with --systems DIR']);
  });
});

describe('validateFile', () => {
  const second = edited(edited(shop, 'system: shop', 'system: cafe'), 'directory: /srv/shop', 'directory: /srv/cafe');

  it('refuses two environments of one host that claim the same port', async () => {
    await inSystems({ 'shop.yaml': shop, 'cafe.yaml': second }, async (dir) => {
      const { errors } = await validateFile(join(dir, 'cafe.yaml'));
      expect(errors).toEqual([
        'systems/cafe.yaml:14:1 cafe/production: expected a port 8080 of its own on host localhost, got that of shop/production (systems/shop.yaml:14)',
      ]);
    });
  });

  it('lets them have the same on different hosts', async () => {
    await inSystems(
      { 'shop.yaml': shop, 'cafe.yaml': edited(second, 'host: localhost', 'host: other') },
      async (dir) => {
        expect((await validateFile(join(dir, 'cafe.yaml'))).errors).toEqual([]);
      },
    );
  });

  it.each([
    ['directory', '    directory: /srv/shop\n    env_file: .env.two\n', 'directory /srv/shop'],
    ['directory', '    directory: /srv/shop/\n    env_file: .env.two\n', 'directory /srv/shop'],
    ['directory', '    directory: /srv/two/../shop\n    env_file: .env.two\n', 'directory /srv/shop'],
    ['database', '    directory: /srv/two\n    env_file: /srv/shop/.env\n', 'database $DATABASE_URL of /srv/shop/.env'],
  ])('refuses one %s for two environments of a file', async (_, keys, what) => {
    const two = `  two:\n    host: localhost\n${keys}    url: http://localhost:8081\n    runtime: { processes: { ports: [8081] } }\n`;
    await inSystems({ 'shop.yaml': edited(shop, 'source:', `${two}source:`) }, async (dir) => {
      const { errors } = await validateFile(join(dir, 'shop.yaml'));
      expect(errors).toHaveLength(1);
      expect(errors[0]).toContain(
        `shop/two: expected a ${what} of its own on host localhost, got that of shop/production`,
      );
    });
  });

  it('refuses one database for two hosts that reach it by one name, whatever else stands in its URL, and not where each means its own', async () => {
    const claimed = async (server: string) => {
      const one = edited(shop, '$DATABASE_URL', `postgresql://shop@${server}/shop`);
      const moved = edited(second, 'host: localhost', 'host: other');
      const other = edited(moved, '$DATABASE_URL', `postgresql+psycopg://cafe@${server}:5432/shop?sslmode=require`);
      let found: string[] = [];
      await inSystems({ 'shop.yaml': one, 'cafe.yaml': other }, async (dir) => {
        found = (await validateFile(join(dir, 'cafe.yaml'))).errors;
      });
      return found;
    };
    expect(await claimed('db.example.com')).toEqual([
      expect.stringContaining(
        'cafe/production: expected a database db.example.com:5432/shop of its own, got that of shop/production',
      ),
    ]);
    for (const server of ['localhost', '127.0.0.1']) expect(await claimed(server), server).toEqual([]);
  });

  it('reads the env files that are on this machine: one database behind two variables is refused, and no word of a login is shown', async () => {
    const claimed = async (one: string, other: string, ways = ['postgres: { url: $DATABASE_URL }', 'processes: {']) => {
      let found: string[] = [];
      const files = { '../shop/.env': `DATABASE_URL='${one}'\n`, '../cafe/.env': `DATABASE_URL='${other}'\n` };
      await inSystems(files, async (dir) => {
        mkdirSync(dir);
        for (const [system, port] of [
          ['shop', 8080],
          ['cafe', 8081],
        ] as const) {
          const here = edited(shop, 'directory: /srv/shop', `directory: ${join(dir, '..', system)}`);
          const named = edited(edited(here, 'system: shop', `system: ${system}`), 'ports: [8080]', `ports: [${port}]`);
          const runtime = /processes:\n(?: {4}.*\n)+/.exec(named)![0];
          const own = ways[1] === 'compose' ? edited(named, runtime, 'compose: {}\n') : named;
          writeFileSync(join(dir, `${system}.yaml`), edited(own, 'postgres: { url: $DATABASE_URL }', ways[0]!));
        }
        found = (await validateFile(join(dir, 'cafe.yaml'))).errors;
      });
      return found;
    };
    const refused = (where: string): unknown[] => [
      expect.stringContaining(
        `cafe/production: expected a database ${where} of its own on host localhost, got that of shop`,
      ),
    ];
    const one = 'postgresql://shop:tell-nobody@localhost/orders';
    const found = await claimed(one, 'postgresql+psycopg://cafe:not-this@127.0.0.1:5432/orders?sslmode=disable');
    expect(found).toEqual(refused('localhost:5432/orders'));
    expect(found.join()).not.toMatch(/tell-nobody|not-this/);
    expect(await claimed(one, one.replace('orders', 'menus'))).toEqual([]);
    expect(await claimed(one, one.replace('localhost', 'localhost:5433'))).toEqual([]);
    // Each project has a network, and so a `db`, of its own.
    const inside = ['postgres: { url: $DATABASE_URL, in: db }', 'compose'];
    expect(await claimed('postgresql://u:secret@db/app', 'postgresql://u:secret@db/app', inside)).toEqual([]);
    // What does not read as a URL is compared by its name alone, and never shown.
    expect(await claimed('tell-nobody', 'tell-nobody')).toEqual([]);
  });

  it('reads the compose files that are on this machine: two projects that publish one port are refused', async () => {
    const compose = (ports: string) => `services: { web: { image: web, ports: [${ports}] } }\n`;
    const files = {
      '../shop/compose.yaml': compose('"127.0.0.1:8100:80", "9000-9002:9000-9002"'),
      '../shop/.env': '',
      '../cafe/compose.yaml': compose('"${WEB_PORT:-8100}:80", 9001:80'),
      '../cafe/.env': '',
    };
    await inSystems(files, async (dir) => {
      mkdirSync(dir);
      for (const system of ['shop', 'cafe']) {
        const here = edited(shop, 'directory: /srv/shop', `directory: ${join(dir, '..', system)}`);
        const runtime = /processes:\n(?: {4}.*\n)+/.exec(here)![0];
        const text = edited(edited(here, 'system: shop', `system: ${system}`), runtime, 'compose: {}\n');
        writeFileSync(join(dir, `${system}.yaml`), text);
      }
      const ports = async () =>
        (await validateFile(join(dir, 'cafe.yaml'))).errors.map((line) => /expected a (port \S+)/.exec(line)?.[1]);
      expect(await ports()).toEqual(['port 8100', 'port 9001']);
      writeFileSync(join(dir, '..', 'cafe', '.env'), 'WEB_PORT=8200\n');
      expect(await ports()).toEqual(['port 9001']);
    });
  });

  it('refuses one compose project for two folders of the same name', async () => {
    const compose = edited(shop, /processes:[\s\S]*?\[8080\]/.exec(shop)![0], 'compose: {}');
    const other = edited(edited(compose, 'system: shop', 'system: cafe'), '/srv/shop', '/opt/Shop');
    await inSystems({ 'shop.yaml': compose, 'cafe.yaml': other }, async (dir) => {
      const { errors } = await validateFile(join(dir, 'cafe.yaml'));
      expect(errors).toEqual([expect.stringContaining('expected a compose project shop of its own')]);
    });
  });

  it('refuses one volume for two containers, and none for two compose projects, which have their own', async () => {
    const database = 'database: { sqlite: { volume: data, file: app.db } }\n';
    const own = (yaml: string, runtime: string) =>
      edited(
        edited(yaml, /processes:[\s\S]*?\[8080\]/.exec(yaml)![0], runtime),
        /^database:\n(?: .*\n)+/m.exec(yaml)![0],
        database,
      );
    const container = (name: string, port: number) =>
      `container: { name: ${name}, start: [sh, start.sh], stop: [sh, stop.sh], ports: [${port}], volume: data }`;
    const both = async (one: string, other: string) => {
      let found: string[] = [];
      await inSystems({ 'shop.yaml': own(shop, one), 'cafe.yaml': own(second, other) }, async (dir) => {
        found = (await validateFile(join(dir, 'cafe.yaml'))).errors;
      });
      return found;
    };
    expect(await both('compose: {}', 'compose: {}')).toEqual([]);
    expect(await both(container('shop', 8081), container('cafe', 8082))).toEqual([
      expect.stringContaining('expected a volume data of its own on host localhost, got that of shop/production'),
    ]);
  });

  it('warns of a production without a second place for backups, and of gates that nobody can answer', async () => {
    await inSystems(
      { 'shop.yaml': shop, '../people.yaml': 'ann: { name: Ann Lee, roles: [developer] }\n' },
      async (dir) => {
        expect((await validateFile(join(dir, 'shop.yaml'))).warnings).toEqual([
          'systems/shop.yaml:3:3 environments.production: backup.copy_to is not set, so a lost disk takes all backups with it',
          'systems/shop.yaml:23:9 gates.go.roles: nobody in people.yaml has the role ops, so nobody can answer the gate',
        ]);
      },
    );
  });

  it('has no warning where both are there', async () => {
    const people = 'ann: { name: Ann Lee, roles: [developer, ops] }\n';
    await inSystems(
      { 'shop.yaml': `${shop}backup: { copy_to: /mnt/copies }\n`, '../people.yaml': people },
      async (dir) => {
        expect(await validateFile(join(dir, 'shop.yaml'))).toEqual({
          environments: ['shop/production'],
          errors: [],
          warnings: [],
        });
      },
    );
  });

  it('says what to name where there is no such file', async () => {
    await expect(validateFile('systems/nothing.yaml')).rejects.toMatchObject({ type: 'Usage' });
  });
});
