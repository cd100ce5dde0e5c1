import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startEffects, stopEffects } from '../../../src/activities/effects.js';
import { runtime } from '../../../src/activities/runtime/lookup.js';
import type { At, Definition } from '../../../src/model.js';
import { baseImage, describeWithDocker, docker } from '../../stack/docker.js';
import { makeComposeStand, type ComposeStand } from './compose-stand.js';

const release = { version: '2.0.0', sha: '0'.repeat(40) };
const url = '$DATABASE_URL';
const databases: Definition['databases'] = { main: { postgres: { url, backup_url: url, admin_url: url, in: 'db' } } };

describeWithDocker('services of docker compose that a release starts and stops', () => {
  let stand: ComposeStand;
  beforeEach(async () => void (stand = await makeComposeStand()));
  afterEach(() => stand.remove());
  const states = () =>
    docker(
      ...['ps', '--all', '--format', '{{.Label "com.docker.compose.service"}} {{.State}}'],
      ...['--filter', `label=com.docker.compose.project=${stand.project}`],
    )
      .split('\n')
      .sort();

  it('are all but those that a database runs in, where the definition names none; by hand, too', async () => {
    const step = (at: Partial<At>) => {
      const context = stand.step(at);
      const { services: _, ...compose } = context.definition.runtime.compose!;
      return {
        ...context,
        definition: { ...context.definition, databases, runtime: { ...context.definition.runtime, compose } },
      };
    };
    stand.compose({ web: '    init: true' });
    const { definition } = step({});
    await runtime(definition).start(step({}), release);
    expect(await runtime(definition).stop(step({ step: 'stop' }))).toMatchObject({ data: { services: ['web'] } });
    expect(states()).toEqual(['db running', 'web exited']);
    const { start, stop } = runtime(definition).byHand(step({}));
    const byHand = (lines: string[]) =>
      execFileSync('sh', ['-c', ['set -eu', ...lines].join('\n')], { stdio: ['ignore', 'ignore', 'pipe'] });
    // Going back is in a hurry, by hand too.
    expect(stop.join()).toContain(' stop --timeout 5 ');
    byHand(start);
    expect(states()).toEqual(['db running', 'web running']);
    byHand(stop);
    expect(states()).toEqual(['db running', 'web exited']);
  });

  it('get the variable that their compose file demands with every command, and it stands in no file', async () => {
    const step = (at: Partial<At>) => {
      const context = stand.step(at, { services: ['web', 'jobs'], restart: ['proxy'], graceMs: 0 });
      const migrations: Definition['migrations'] = { alembic: { in: 'web', at: 'start', guard: { ALLOW: '$GUARD' } } };
      Object.assign(context.definition, { databases, migrations, effects: { outbox: { services: ['jobs'] } } });
      return context;
    };
    stand.env({ GUARD: 'yes-it-may' });
    const more = ['jobs', 'proxy'].map(
      (name) => `  ${name}: { image: '${baseImage}', command: [sleep, infinity], init: true, stop_grace_period: 0s }\n`,
    );
    stand.compose({ web: '    environment: { ALLOW: "${ALLOW:?}" }', more: more.join('') });
    const { definition } = step({});
    const up = ['--project-name', stand.project, '--project-directory', stand.directory, 'up', '--detach', 'proxy'];
    execFileSync('docker', ['compose', ...up], { env: { ...process.env, ALLOW: 'by hand' }, stdio: 'ignore' });
    expect((await step({}).read({ in: 'web', argv: ['echo', 'apart'] })).stdout).toBe('apart\n');
    await runtime(definition).start(step({}), release);
    await startEffects(step({ step: 'effects' }), release);
    expect(states()).toEqual(['db running', 'jobs running', 'proxy running', 'web running']);
    await stopEffects(step({ step: 'stop' }));
    await runtime(definition).stop(step({ step: 'stop' }));
    expect(states()).toEqual(['db running', 'jobs exited', 'proxy running', 'web exited']);
    const byHand = runtime(definition).byHand(step({}));
    for (const line of [...byHand.start, ...byHand.stop]) expect(line).toContain('&& ALLOW="$GUARD" docker');
    expect(docker('exec', `${stand.project}-db-1`, 'env')).not.toContain('yes-it-may');
    const files = execFileSync('grep', ['-rlF', 'yes-it-may', stand.directory], { encoding: 'utf8' });
    expect(files.trim()).toBe(`${stand.directory}/.env`);
  });
});
