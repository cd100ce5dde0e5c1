'use strict';

const { read } = require('./database');

async function show({ id }) {
  const [customer] = await read('SELECT id, name, email, city FROM customers WHERE id = $1', [id]);
  return customer ? [200, customer] : [404, { error: 'no such customer' }];
}

module.exports = { show };
