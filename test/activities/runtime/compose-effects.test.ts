import { afterEach, beforeEach, expect, it } from 'vitest';
import { startEffects, stopEffects } from '../../../src/activities/effects.js';
import { runtime } from '../../../src/activities/runtime/lookup.js';
import { baseImage, describeWithDocker, docker } from '../../stack/docker.js';
import type { At } from '../../../src/model.js';
import { makeComposeStand, type ComposeStand } from './compose-stand.js';

const release = { version: '2.0.0', sha: '0'.repeat(40) };

describeWithDocker('services of docker compose that act on the outside world', () => {
  let stand: ComposeStand;
  beforeEach(async () => void (stand = await makeComposeStand()));
  afterEach(() => stand.remove());

  const step = (at: Partial<At>) => {
    const context = stand.step(at, { services: ['web', 'jobs'], restart: ['jobs'], graceMs: 1000 });
    return { ...context, definition: { ...context.definition, effects: { outbox: { services: ['jobs'] } } } };
  };
  const jobs = () =>
    docker('ps', '--all', '--no-trunc', '--format', '{{.ID}} {{.State}}', '--filter', `name=${stand.project}-jobs`);

  it('are left out by start, come last, and are stopped for good before all others', async () => {
    stand.compose({
      more: `  jobs:\n    image: ${baseImage}\n    command: [sleep, infinity]\n    restart: always\n    stop_grace_period: 0s\n`,
    });
    const first = step({ step: 'start' });
    await runtime(first.definition).start(first, release);
    expect(jobs()).toBe('');
    await startEffects(step({ step: 'effects' }), release);
    const [id, state] = jobs().split(' ');
    expect(state).toBe('running');

    await stopEffects(step({ step: 'stop' }));
    expect(jobs()).toBe(`${id} exited`);
    expect(docker('inspect', '--format', '{{.HostConfig.RestartPolicy.Name}}', id!)).toBe('unless-stopped');
    const again = step({ step: 'start', undo: true });
    await runtime(again.definition).stop(step({ step: 'start' }));
    await runtime(again.definition).start(again, release);
    expect(jobs()).toBe(`${id} exited`);
    await startEffects(step({ step: 'effects', try: 2 }), release);
    expect(jobs()).toMatch(/^(?!.*exited)/);
    expect(jobs()).not.toContain(id);
    expect(runtime(first.definition).commands(first.definition).start.join()).not.toContain('jobs');
  }, 600_000);
});
