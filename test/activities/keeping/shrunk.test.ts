import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { backup } from '../../../src/activities/backup.js';
import type { Step } from '../../../src/activities/step.js';
import type { Kind, Plan } from '../../../src/model.js';
import { definitionOf, stepContext } from '../step-context.js';

describe('a store that holds next to nothing of what it held', () => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-shrunk-'));
  const uploads = join(root, 'uploads');
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('stops a release at its backup, never a rollback, until a backup on demand takes it as the measure', async () => {
    fill(30);
    await backup(step('r1', 'deploy'));
    fill(4);
    await backup(step('r2', 'deploy'));
    fill(0);
    await expect(backup(step('r3', 'deploy'))).rejects.toMatchObject({
      type: 'DataRefused',
      message: expect.stringMatching(
        / holds 0 files, and 4 in the backup of .* slipway backup shop\/test, then deploy anew$/,
      ) as string,
    });
    await backup(step('r4', 'rollback'));
    fill(30);
    await backup(step('r5', 'deploy'));
    fill(2);
    await expect(backup(step('r6', 'deploy'))).rejects.toMatchObject({ type: 'DataRefused' });
    await backup(step('r7', 'backup'));
    await backup(step('r8', 'deploy'));
  });

  function fill(count: number): void {
    rmSync(uploads, { recursive: true, force: true });
    mkdirSync(uploads);
    for (let file = 0; file < count; file += 1) writeFileSync(join(uploads, `${file}`), `${file}`);
  }

  function step(id: string, kind: Kind): Step {
    const definition = definitionOf(root, { files: { keep: ['uploads'] } });
    const context = stepContext({ definition, folder: join(root, 'runs', id), home: root, at: { step: 'backup' } });
    const pinned = { definition, plan: {} as Plan, before: {}, live: null, people: {}, targets: {} };
    return { ...context, run: { ...context.run, id, kind }, pinned };
  }
});
