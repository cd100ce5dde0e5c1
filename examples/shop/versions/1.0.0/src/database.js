'use strict';

const { Pool } = require('pg');

const pool = new Pool({
  connectionString: process.env.DATABASE_URL,
  connectionTimeoutMillis: 2000,
  idleTimeoutMillis: 30_000,
  max: 10,
  application_name: 'shop',
});
// The server may end idle connections at any time; the pool then opens new ones.
pool.on('error', (error) => console.error(`database: ${error.message}`));

/** Reads; asks a second time when the connection was lost. */
async function read(sql, values) {
  try {
    return (await pool.query(sql, values)).rows;
  } catch (error) {
    if (!isLost(error)) throw error;
    return (await pool.query(sql, values)).rows;
  }
}

/** Runs `work` in one transaction. */
async function write(work) {
  const client = await pool.connect();
  let broken;
  try {
    await client.query('BEGIN');
    const result = await work((sql, values) => client.query(sql, values).then(({ rows }) => rows));
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((lost) => (broken = lost));
    throw error;
  } finally {
    client.release(broken);
  }
}

const isLost = (error) => /^(57P0|08)/.test(error.code ?? '') || /terminated|ECONNRESET/.test(error.message);

module.exports = { end: () => pool.end(), read, write };
