import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runBackupCheck } from '../../../src/activities/checks/backup.js';
import { writeManifest } from '../../../src/activities/keeping/manifest.js';
import { contextWith, temporaryFolder } from './support.js';

const hour = 3_600_000;
interface Taken {
  hoursAgo: number;
  proven?: boolean;
}

/** Records of an environment with these backups. */
async function records(...taken: Taken[]): Promise<string> {
  const home = temporaryFolder();
  for (const [i, { hoursAgo, proven }] of taken.entries()) {
    const at = new Date(Date.now() - hoursAgo * hour).toISOString();
    const folder = join(home, 'backups', `run-${i}`);
    mkdirSync(folder, { recursive: true });
    const id = `run-${i}`;
    await writeManifest(folder, {
      ...{ id, run: id, environment: 'shop/test', takenAt: at, version: null, revisions: {}, stores: [] },
      ...(proven ? { proven: { at, tookMs: 1 } } : {}),
    });
  }
  return home;
}
const run = (home: string, expect?: unknown) =>
  runBackupCheck(
    { backup: 'latest', expect },
    contextWith({ more: { home }, definition: { backup: {}, environment: 'shop/test' } }),
  );
const wanted = { proven: true, age: { under: '24h' } };

describe('a check of the latest backup', () => {
  it('is content with a proven one that is young enough', async () => {
    const verdict = await run(await records({ hoursAgo: 30 }, { hoursAgo: 2, proven: true }), wanted);
    expect(verdict).toMatchObject({ ok: true, expected: 'the latest backup: proven, age under 24h' });
    expect(verdict.seen).toMatch(/^run-1, 2 h old, proven 20/);
  });

  it.each<[string, Taken[], RegExp]>([
    ['there is none', [], /^there is none: take one with `slipway backup`$/],
    ['it is too old', [{ hoursAgo: 30, proven: true }], /^its age is 30 h; run-0/],
    ['it was never proven', [{ hoursAgo: 3 }], /^it was never proven; run-0, 3 h old, not proven/],
  ])('says that %s', async (_, taken, seen) => {
    const verdict = await run(await records(...taken), wanted);
    expect(verdict.ok).toBe(false);
    expect(verdict.seen).toMatch(seen);
  });

  it('refuses an unknown word', async () => {
    await expect(run(await records(), { provn: true })).rejects.toThrow(/cannot expect provn/);
  });
});
