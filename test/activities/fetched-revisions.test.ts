import { cpSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkKnown, refuseOtherRevisions } from '../../src/activities/fetched-revisions.js';
import { migrationTool } from '../../src/activities/migrations/lookup.js';
import { toldByFetch } from '../../src/activities/revisions.js';
import type { Step } from '../../src/activities/step.js';
import type { Release } from '../../src/model.js';
import { tools, type Tool } from './migrations/tools.js';

let tool: Tool;
beforeEach(async () => void (tool = await tools['commands on SQLite']!('')));
afterEach(() => tool.remove());

/** A run that goes from the first release to that one, with what people agreed to. */
function going(to: Release, from: Release, pending: string[]): Step {
  const pinned = { plan: { pending: { main: pending } } } as unknown as Step['pinned'];
  return { ...tool.step(to, { step: 'fetch' }, from), pinned };
}

it('what only the fetched code tells of its revisions is looked at before anything stops, and compared with what people agreed to', async () => {
  const [one = '', two = ''] = tool.names;
  const first = tool.release('1', [one, two]);
  const migrating = tool.step(first, { step: 'migrate' });
  await migrationTool(migrating.definition)!.upgrade(migrating, tool.directory, [one, two]);
  const running = { ...first, run: 'before' };

  const lacking = going(tool.release('2', [one]), running, [toldByFetch]);
  expect(await checkKnown(lacking)).toMatchObject([{ outcome: 'n/a', seen: 'only its own code tells' }]);
  cpSync(tool.directory, lacking.staged(lacking.run.version), { recursive: true });
  await expect(refuseOtherRevisions(lacking)).rejects.toMatchObject({
    type: 'MigrationFailed',
    message: `2 does not know what the database has: main: ${two}; nothing was stopped`,
  });
  expect(await checkKnown(lacking)).toMatchObject([{ outcome: 'fail', seen: `it does not know main: ${two}` }]);

  const third = tool.release('3', [one, two, 'three']);
  const agreed = going(third, running, ['three']);
  cpSync(tool.directory, agreed.staged(third), { recursive: true });
  for (const pending of ['three', toldByFetch]) await refuseOtherRevisions(going(third, running, [pending]));
  await expect(refuseOtherRevisions(going(third, running, ['four']))).rejects.toMatchObject({
    message: expect.stringContaining(
      'other pending migrations than people agreed to: main: three, not main: four',
    ) as string,
  });
});
