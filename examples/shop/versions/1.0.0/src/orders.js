'use strict';

const { read, write } = require('./database');

async function list({ query }) {
  const sql = 'SELECT id, item, total_cents, placed_at FROM orders WHERE customer_id = $1 ORDER BY id';
  return [200, { orders: await read(sql, [Number(query.get('customer'))]) }];
}

/** An order is paid as it is placed. */
async function create({ body: { customer, item, total_cents } }) {
  const isOrder = Number.isInteger(customer) && Number.isInteger(total_cents) && total_cents > 0;
  if (!isOrder || typeof item !== 'string') return [422, { error: 'customer, item and total_cents are needed' }];
  const order = await write(async (query) => {
    const [made] = await query(
      'INSERT INTO orders (customer_id, item, total_cents) VALUES ($1, $2, $3) RETURNING id, item, total_cents',
      [customer, item, total_cents],
    );
    await query('INSERT INTO payments (order_id, amount_cents) VALUES ($1, $2)', [made.id, total_cents]);
    return made;
  });
  return [201, order];
}

async function remove({ id }) {
  const gone = await write((query) => query('DELETE FROM orders WHERE id = $1 RETURNING id', [id]));
  return gone.length > 0 ? [200, gone[0]] : [404, { error: 'no such order' }];
}

module.exports = { create, list, remove };
