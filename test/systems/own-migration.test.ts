import { expect, it } from 'vitest';
import { rows } from './looks.js';
import { withStand } from './stand.js';

/** The start script migrates, as many do, and only where a variable permits it. */
const itself = (yaml: string) =>
  yaml
    .replace('sequelize: {}', 'sequelize: { at: start, guard: { ALLOW_MIGRATIONS: "yes" } }')
    .replace(
      'exec sh scripts/start.sh',
      '[ "$ALLOW_MIGRATIONS" = yes ] || exit 9; sh -c "set -a; . ./.env; node_modules/.bin/sequelize-cli db:migrate" && exec sh scripts/start.sh',
    );

it('a system that migrates itself when it starts is released, fails, and has its data of before the start back', async () => {
  await withStand(
    async ({ go, shop, database }) => {
      const first = await go('deploy', { version: '1.0.0', by: 'bob' });
      expect(first).toMatchObject({ outcome: 'deployed', current: '1.0.0' });
      const before = await rows(database.ownerUrl);
      const failed = await go('deploy', { version: '3.0.0', by: 'bob', change: 'breaking' });
      expect(failed).toMatchObject({ outcome: 'rolled-back', current: '1.0.0', problem: 'CheckFailed' });
      expect(await rows(database.ownerUrl)).toEqual(before);
      expect(await (await fetch(`${shop.url}/health`)).json()).toMatchObject({ status: 'ok', version: '1.0.0' });
    },
    { definition: itself },
  );
}, 600_000);
