'use strict';

const { read, write } = require('./database');

async function list({ query }) {
  const sql = 'SELECT id, item, total, placed_at FROM orders WHERE customer_id = $1 ORDER BY id';
  return [200, { orders: await read(sql, [Number(query.get('customer'))]) }];
}

/** An order is paid as it is placed. `total` is a decimal in text, such as "19.95". */
async function create({ body: { customer, item, total } }) {
  const isOrder = Number.isInteger(customer) && typeof item === 'string' && /^\d{1,8}\.\d\d$/.test(total);
  if (!isOrder) return [422, { error: 'customer, item and total are needed' }];
  const order = await write(async (query) => {
    const [made] = await query(
      'INSERT INTO orders (customer_id, item, total) VALUES ($1, $2, $3) RETURNING id, item, total',
      [customer, item, total],
    );
    await query('INSERT INTO payments (order_id, amount_cents) VALUES ($1, $2::numeric * 100)', [made.id, total]);
    const points = Math.floor(Number(total) / 10);
    await query('UPDATE customers SET loyalty_points = loyalty_points + $1 WHERE id = $2', [points, customer]);
    return made;
  });
  return [201, order];
}

async function remove({ id }) {
  const gone = await write((query) => query('DELETE FROM orders WHERE id = $1 RETURNING id', [id]));
  return gone.length > 0 ? [200, gone[0]] : [404, { error: 'no such order' }];
}

module.exports = { create, list, remove };
