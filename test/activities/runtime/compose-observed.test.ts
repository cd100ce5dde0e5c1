import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runtime } from '../../../src/activities/runtime/lookup.js';
import { baseImage, describeWithDocker, docker } from '../../stack/docker.js';
import { makeComposeStand, type ComposeStand } from './compose-stand.js';

const release = { version: '2.0.0', sha: '0'.repeat(40) };

describeWithDocker('services of docker compose after the start', () => {
  let stand: ComposeStand;
  beforeEach(async () => void (stand = await makeComposeStand()));
  afterEach(() => stand.remove());

  it('are watched with all that runs beside them, of several files and a profile; unhealthy, unready and ended servers are found', async () => {
    let turn = 0;
    let lines: string[] = [];
    const started = (web: string, settings = {}) => {
      writeFileSync(
        join(stand.directory, 'more.yaml'),
        `services:
  web: { init: true, stop_grace_period: 0s${web} }
  jobs: { image: '${baseImage}', command: [sleep, infinity], init: true, profiles: [work], stop_grace_period: 0s }
`,
      );
      const step = stand.step(
        { try: (turn += 1) },
        { files: ['compose.yaml', 'more.yaml'], profiles: ['work'], services: ['web', 'jobs'], ...settings },
      );
      lines = step.lines;
      return runtime(step.definition).start(step, release);
    };
    const starts = (text: RegExp) => ({ type: 'NotStarted', message: expect.stringMatching(text) as string });
    const health = (test: string, more = '') =>
      `, healthcheck: { test: [CMD-SHELL, '${test}'], interval: 200ms, retries: 1${more} }`;
    stand.compose({});
    // By the profile alone: without, no such service is part of the project.
    const byProfile = await started('', { services: undefined });
    expect(byProfile.note).toMatch(/jobs/);
    docker('rm', '--force', `${stand.project}-jobs-1`);
    const without = await started('', { services: undefined, profiles: undefined });
    expect(without.note).not.toMatch(/jobs/);
    expect(docker('ps', '--format', '{{.Names}}', '--filter', `name=${stand.project}-jobs`)).toBe('');
    expect((await started('')).note).toMatch(/web .*jobs |jobs .*web /);
    await expect(started(health('exit 1'))).rejects.toMatchObject(starts(/web is unhealthy/));
    const slow = health('exit 1', ', start_period: 60s');
    await expect(started(slow, { timeoutMs: 5_000 })).rejects.toMatchObject(starts(/web is still starting after 5 s/));
    await expect(started(`, entrypoint: [sh, -c, 'echo done; exit 0']`)).rejects.toMatchObject(
      starts(/web does not run: it ended with exit code 0; its last lines: done/),
    );
    // What no release touches, but may not bear it.
    const beside = started('', { observeMs: 20_000 });
    const dying = expect(beside).rejects.toMatchObject(starts(/db does not run: it ended with exit code 137/));
    await expect.poll(() => lines.join(), { timeout: 15_000 }).toContain('all run; watching');
    docker('kill', `${stand.project}-db-1`);
    await dying;
  }, 90_000);
});
