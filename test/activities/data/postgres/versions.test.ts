import { describe, expect, it } from 'vitest';
import { tryVersion } from '../../../faults/versions.js';
import { postgresVersion } from '../../../stack/postgres-versions.js';
import { makeShop } from './shop.js';

// The suite's own server is another version; `npm run faults -- versions` tries all that can be had.
describe('PostgreSQL 18', { timeout: 240_000 }, () => {
  it('has all its data back from the backup and from the copy', async () => {
    const { server, faults } = await tryVersion(18);
    expect(server).toMatch(/^18\./);
    expect(faults).toEqual([]);
  });

  it('has a pg_restore that is refused for an older server, with the name of the package to install', async () => {
    const shop = await makeShop({ tools: postgresVersion(18).server });
    try {
      const checks = await shop.store.preflight(shop.context);
      expect(checks.flatMap(({ name, outcome, seen }) => (outcome === 'fail' ? [`${name}: ${seen}`] : []))).toEqual([
        expect.stringMatching(
          /^shop: pg_restore: pg_restore 18 sets transaction_timeout, .* install postgresql-client-1\d$/,
        ),
      ]);
    } finally {
      await shop.close();
    }
  });
});
