'use strict';

const path = require('node:path');

process.loadEnvFile(path.join(__dirname, '../.env'));
const { CLOSED_PORT, SHOP_TOKEN } = process.env;
const what = process.argv[2];

fetch(`http://127.0.0.1:${CLOSED_PORT}/admin/${what}`, {
  method: 'POST',
  headers: { authorization: `Bearer ${SHOP_TOKEN}` },
  signal: AbortSignal.timeout(10_000),
}).then(
  async (answer) => {
    if (answer.ok) return;
    console.error(`shop: ${what} was answered ${answer.status}: ${await answer.text()}`);
    process.exitCode = 1;
  },
  (error) => {
    // A shop that does not run is closed already.
    if (what === 'close' && error.cause?.code === 'ECONNREFUSED') return;
    console.error(`shop: ${what}: ${error.cause?.message ?? error.message}`);
    process.exitCode = 1;
  },
);
