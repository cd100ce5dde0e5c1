'use strict';

const { timingSafeEqual } = require('node:crypto');

/** Finds the route, runs it, answers in JSON. */
async function handle(routes, request, response) {
  const url = new URL(request.url, 'http://shop');
  try {
    for (const { method, pattern, guarded, run } of routes) {
      const match = request.method === method && pattern.exec(url.pathname);
      if (!match) continue;
      if (guarded && !authorised(request)) return send(response, 401, { error: 'a token is needed' });
      const body = method === 'POST' ? await readJson(request) : {};
      const [status, answer] = await run({ id: match[1], query: url.searchParams, body });
      return send(response, status, answer);
    }
    return send(response, 404, { error: 'no such thing' });
  } catch (error) {
    console.error(`${request.method} ${url.pathname}: ${error.message}`);
    return send(response, error instanceof SyntaxError ? 400 : 503, { error: 'try again later' });
  }
}

function send(response, status, answer) {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(answer));
}

function authorised({ headers }) {
  const given = Buffer.from(headers.authorization ?? '');
  const wanted = Buffer.from(`Bearer ${process.env.SHOP_TOKEN}`);
  return Boolean(process.env.SHOP_TOKEN) && given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function readJson(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString() || '{}');
}

module.exports = { authorised, handle, send };
