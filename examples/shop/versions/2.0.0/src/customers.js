'use strict';

const { read } = require('./database');

async function show({ id }) {
  const [customer] = await read('SELECT id, name, email, city, loyalty_points FROM customers WHERE id = $1', [id]);
  return customer ? [200, customer] : [404, { error: 'no such customer' }];
}

/** The coupons that the customer's points suffice for. */
async function coupons({ id }) {
  const rows = await read(
    `SELECT code, percent, coupons.points FROM coupons
     JOIN customers ON customers.loyalty_points >= coupons.points
     WHERE customers.id = $1 ORDER BY coupons.points`,
    [id],
  );
  return [200, { coupons: rows }];
}

module.exports = { coupons, show };
