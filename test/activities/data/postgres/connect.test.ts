import { expect, it } from 'vitest';
import { readAddress } from '../../../../src/activities/data/postgres/address.js';
import { query, withSession } from '../../../../src/activities/data/postgres/connect.js';
import { freshDatabase } from '../../../stack/database.js';

it('A session comes up however soon the database ends the statements of others', async () => {
  const database = await freshDatabase();
  try {
    const address = readAddress(database.superuserUrl);
    await withSession(address, 'test', (session) =>
      query(session, `ALTER DATABASE "${database.name}" SET statement_timeout = '1ms'`),
    );
    const [row] = await withSession(address, 'test', (session) =>
      query(session, "SELECT pg_sleep(0.05), current_setting('statement_timeout') AS limit"),
    );
    expect(row).toMatchObject({ limit: '0' });
  } finally {
    await database.drop();
  }
});
