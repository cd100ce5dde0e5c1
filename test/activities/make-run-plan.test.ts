import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { StepContext } from '../../src/activities/context.js';
import type { BackupManifest } from '../../src/activities/data/contract.js';
import type { Sealed } from '../../src/activities/data/seal.js';
import { writeManifest } from '../../src/activities/keeping/manifest.js';
import { backupFolder } from '../../src/activities/keeping/places.js';
import { makeRunPlan } from '../../src/activities/make-run-plan.js';
import { appendHistory } from '../../src/lib/history.js';
import type { BackupRules, Kind } from '../../src/model.js';
import { deployed, releaseOf } from './keeping/deployed.js';
import { definitionOf, stepContext } from './step-context.js';

describe('the plan of a rollback', () => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-plan-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('warns where the env file, which may hold keys, is not the one of the release that it goes to', async () => {
    const before = step('KEY=one', 'rollback');
    await appendHistory(root, { ...deployed('r1', null), fingerprints: { env_file: before.env.sha256 } });
    await appendHistory(root, deployed('r2', 'r1'));
    expect((await makeRunPlan(before, {})).warnings).toEqual([]);

    const rotated = [
      '.env was changed since r1 was released: where that rotated a key, data from before it is read with another one',
    ];
    expect((await makeRunPlan(step('KEY=two', 'rollback'), {})).warnings).toEqual(rotated);
    expect((await makeRunPlan(step('KEY=two', 'deploy'), {})).warnings).toEqual([]);
  });

  it('warns where the backup that it may need was sealed for a key that the environment does not have now', async () => {
    const folder = backupFolder(step('KEY=two', 'rollback'), 'r2');
    const sealed = async (by: Sealed) => {
      const stored = { store: 'main', file: 'main.sqlite', sealed: { ...by, plain: { bytes: 1, sha256: '' } } };
      const manifest = { id: 'r2', environment: 'shop/test', takenAt: '2026-01-05T12:00:00Z', stores: [stored] };
      await writeManifest(folder, manifest as unknown as BackupManifest);
    };
    const said = async (encrypt?: BackupRules['encrypt']) => {
      const rollback = step('KEY=two\nPHRASE=some', 'rollback');
      const backup = encrypt ? { encrypt } : {};
      return (await makeRunPlan({ ...rollback, definition: { ...rollback.definition, backup } }, {})).warnings.slice(1);
    };
    await mkdir(folder, { recursive: true });
    await sealed({ by: 'age', recipients: ['age1old', 'age1safe'] });
    expect(await said({ recipients: ['age1new', 'age1safe'], identity: '/key' })).toEqual([]);
    const warned = [
      expect.stringMatching(/^the backup of 2026-01-05T12:00:00Z was sealed for age1old, age1safe, which/),
    ];
    expect(await said({ recipients: ['age1new'], identity: '/key' })).toEqual(warned);
    expect(await said()).toEqual(warned);
    await sealed({ by: 'openssl', passphrase: 'PHRASE', iterations: 1 });
    expect(await said()).toEqual([]);
    await sealed({ by: 'openssl', passphrase: 'OLD_PHRASE', iterations: 1 });
    expect(await said()).toEqual([expect.stringContaining('sealed for the passphrase OLD_PHRASE, which')]);
  });

  function step(variables: string, kind: Kind): StepContext {
    const env = join(root, '.env');
    writeFileSync(env, `${variables}\n`);
    const definition = definitionOf(root, { env_file: '.env' });
    const context = stepContext({ definition, folder: join(root, 'run'), home: root, env, previous: releaseOf('r2') });
    return { ...context, run: { ...context.run, kind, version: releaseOf('r1') } };
  }
});
