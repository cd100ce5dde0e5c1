import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ending, until, withStand } from './stand.js';
import type { Status } from '../../src/model.js';

describe('a stop that fails', () => {
  it('leaves the version before running, and sees that it does instead of starting it a second time', async () => {
    const failing = (yaml: string) => yaml.replace(/stop: \[sh, -c, '[^\n]*'\]/, "stop: [sh, -c, 'test ! -e ../broken || exit 3; exec sh scripts/stop.sh']");
    await withStand(async ({ go, start, shop, ledger }) => {
      await go('deploy', { version: '1.0.0', by: 'bob' });
      await writeFile(`${shop.directory}/../broken`, '');
      const handle = await start('deploy', { version: '2.0.0', by: 'bob' });
      const gate = await until(async () => (await handle.query<Status>('status')).questions[0]);
      await handle.signal('approve', { gate: 'go', by: 'ann', plan: gate.plan });
      const report = await ending(handle);
      expect(report).toMatchObject({ outcome: 'rolled-back', current: '1.0.0', problem: 'CommandFailed' });
      expect(report.steps).toContain('undo stop: undone');
      expect(await (await fetch(`${shop.url}/health`)).json()).toMatchObject({ version: '1.0.0' });
      expect((await ledger()).filter((line) => line.startsWith('start'))).toEqual(['start 1.0.0']);
    }, { definition: failing });
  }, 600_000);
});
