'use strict';

const { mkdirSync, renameSync, writeFileSync } = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const database = require('./database');
const { authorised, handle, send } = require('./http');
const routes = require('./routes');

const CLOSED_PORT = Number(process.env.CLOSED_PORT);
const PORT = Number(process.env.PORT);
const HOST = process.env.HOST ?? '127.0.0.1';

const closed = http.createServer((request, response) => {
  if (request.method === 'POST' && request.url.startsWith('/admin/')) return administer(request, response);
  return handle(routes, request, response);
});
const open = http.createServer((request, response) => handle(routes, request, response));

closed.listen(CLOSED_PORT, '127.0.0.1', () => {
  console.log(`shop: closed, on 127.0.0.1:${CLOSED_PORT}`);
  const file = path.join(__dirname, '../run/shop.pid');
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${process.pid}\n`);
  renameSync(`${file}.new`, file);
});
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void leave());

/** Lets users in or keeps them out; twice is as good as once. */
async function administer(request, response) {
  if (!authorised(request)) return send(response, 401, { error: 'a token is needed' });
  if (request.url === '/admin/open') {
    if (!open.listening) await new Promise((done, fail) => open.once('error', fail).listen(PORT, HOST, done));
  } else if (request.url === '/admin/close') {
    await shut(open);
  } else {
    return send(response, 404, { error: 'open or close' });
  }
  console.log(`shop: ${open.listening ? `open, on ${HOST}:${PORT}` : 'closed'}`);
  return send(response, 200, { open: open.listening });
}

/** Waits for requests on their way, 3 s at most. */
function shut(server) {
  if (!server.listening) return Promise.resolve();
  return new Promise((done) => {
    const force = setTimeout(() => server.closeAllConnections(), 3000);
    server.close(() => {
      clearTimeout(force);
      done();
    });
    server.closeIdleConnections();
  });
}

async function leave() {
  await Promise.all([shut(open), shut(closed)]);
  await database.end();
  console.log('shop: stopped');
  process.exit(0);
}
