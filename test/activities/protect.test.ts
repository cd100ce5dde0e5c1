import { appendFileSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { protecting } from '../../src/activities/protect.js';
import { source } from '../../src/activities/source/lookup.js';
import { commit, git, makeRepository, write, type Repository } from './source/repository.js';

let repository: Repository;
afterEach(() => repository.remove());

/** The models and logs of a system lie in its checkout, ignored. */
function make(): void {
  repository = makeRepository();
  repository.definition.files = { protect: ['models', 'logs'] };
  write(repository.live, {
    '.git/info/exclude': 'models/\nlogs/\n',
    'models/a/weights': 'heavy',
    'logs/app.log': 'one\n',
  });
}
const models = (...path: string[]) => join(repository.live, 'models', ...path);

describe('protected paths', () => {
  it('are as before after a real switch, while logs may grow', async () => {
    make();
    const adapter = source(repository.definition);
    await adapter.fetch(repository.step({ step: 'fetch' }), repository.two);
    const step = repository.step({ step: 'switch' });
    await protecting(step, async () => {
      appendFileSync(join(repository.live, 'logs/app.log'), 'two\n');
      await adapter.switch(step, repository.two);
    });
    expect(git(repository.live, 'rev-parse', 'HEAD')).toBe(repository.two.sha);
  });

  it.each<[string, () => void, string]>([
    ['changed', () => writeFileSync(models('a/weights'), 'HEAVY'), 'models/a/weights was changed'],
    ['cut', () => writeFileSync(models('a/weights'), 'hea'), 'models/a/weights was changed'],
    ['gone', () => rmSync(models('a'), { recursive: true }), 'models/a/weights is gone'],
  ])('that were %s by the step fail it, named', async (_what, harm, message) => {
    make();
    await expect(protecting(repository.step(), async () => harm())).rejects.toMatchObject({
      type: 'DataRefused',
      message: expect.stringContaining(message) as string,
    });
  });

  it('are compared by a second attempt with what the first one saw', async () => {
    make();
    const lost = protecting(repository.step(), async () => {
      writeFileSync(models('a/weights'), 'HEAVY');
      throw new Error('the worker was killed here');
    });
    await expect(lost).rejects.toThrow('killed');
    await expect(protecting(repository.step(), async () => undefined)).rejects.toThrow('models/a/weights was changed');
    await protecting(repository.step({ undo: true }), async () => undefined);
  });

  it('make a version that has files there NO-GO', async () => {
    make();
    git(repository.origin, 'checkout', '--quiet', '--detach', repository.two.sha);
    const sha = commit(repository.origin, { 'models/a/weights': 'light' });
    git(repository.origin, 'tag', 'v3.0.0');
    git(repository.live, 'fetch', '--quiet', '--tags');
    const seen = await source(repository.definition).preflight(repository.step(), { version: '3.0.0', sha });
    expect(seen.find(({ name }) => name === 'protected')).toMatchObject({
      outcome: 'fail',
      expected: 'no change below models, logs',
      seen: 'models/a/weights',
    });
    expect(existsSync(models('a/weights'))).toBe(true);
  });
});
