import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runChecks } from '../../../src/activities/checks/run-checks.js';
import type { Check } from '../../../src/model.js';
import { contextWith, serve } from './support.js';

const secret = 'tr0ub4dor&3-long';
const noise = `${secret} \u001b[31m\n${'x'.repeat(5000)} ${secret}`;
/** What was expected; what was seen; how long it waited, where a kind waits. */
const failing: Record<string, [Check, RegExp, RegExp]> = {
  http: [{ http: '/x', expect: 201, withinMs: 1500 }, /^GET \/x: 201$/, /^500 in \d.*; tried \d+ times in [\d.]+ m?s$/],
  posts: [{ http: 'POST /x', withinMs: 1500 }, /^POST \/x: 2xx$/, /^500 in \d.*; asked once/],
  holds: [{ http: '/first', hold: '1s' }, /^GET \/first: 2xx for 1s$/, /^it did not hold: after [\d.]+ m?s 500 in/],
  limited: [{ http: '/x', repeat: 3, expect: 429 }, /^GET \/x: 429 once/, /^500 in .*; asked 3 times in [\d.]+ m?s$/],
  metrics: [
    { metrics: '/x', withinMs: 1500 },
    /^GET \/x: metrics that can be parsed$/,
    /^500; .*; tried \d+ times in [\d.]+ m?s$/,
  ],
  flow: [
    { flow: [{ http: '/x' }], withinMs: 1500 },
    /\/x: 2xx/,
    /^step 1.*500 in .*; tried (once|\d+ times) in [\d.]+ m?s$/,
  ],
  command: [{ command: ['sh', 'loud.sh'] }, /^sh loud\.sh: exit 0$/, /^exit 3 in \d+ ms/],
  slow: [{ command: ['sleep', '30'], withinMs: 300 }, /^sleep 30: exit 0$/, /300 ms/],
  tls: [
    { tls: '127.0.0.1:9', withinMs: 1500 },
    /^TLS of 127\.0\.0\.1:9/,
    /^nothing listens .*; tried \d+ times in [\d.]+ m?s$/,
  ],
  sql: [
    { sql: 'SELECT 1', database: 'main', withinMs: 1200 },
    /SELECT 1/,
    /^no PostgreSQL listens there: .*127\.0\.0\.1:9/,
  ],
  file: [{ file: 'loud.sh', expect: { size: { over: 1_000_000 } } }, /loud\.sh/, /loud\.sh|size/],
  env: [{ env: { API_PASSWORD: { longer: 500 } } }, /API_PASSWORD/, /API_PASSWORD/],
};

describe('the text of a failure', () => {
  it('says, for every kind, what was expected, what was seen, where, and how long it waited; in short and without a secret', async () => {
    let asked = 0;
    const url = await serve((request, response) => {
      const good = request.url === '/first' && (asked += 1) < 3;
      response.writeHead(good ? 200 : 500).end(good ? '{}' : noise);
    });
    const verify = Object.fromEntries(Object.entries(failing).map(([name, [check]]) => [name, check]));
    const positions = Object.fromEntries(
      Object.keys(verify).map((name, i) => [`verify.${name}`, `systems/shop.yaml:${i + 50}`]),
    );
    const databases = { main: { postgres: { url: '$DB', backup_url: '$DB', admin_url: '$DB' } } };
    const context = contextWith({
      baseUrl: url,
      variables: { API_PASSWORD: secret, DB: `postgresql://shop:${encodeURIComponent(secret)}@127.0.0.1:9/shop` },
      definition: { verify, positions, databases },
    });
    writeFileSync(join(context.definition.directory, 'loud.sh'), `echo '${noise}'; exit 3\n`);
    const results = await runChecks(verify, context);
    for (const [i, result] of results.entries()) {
      const [, expected, seen] = failing[result.name]!;
      expect(result, result.name).toMatchObject({ outcome: 'fail', where: `systems/shop.yaml:${i + 50}` });
      expect(result.expected, result.name).toMatch(expected);
      expect(result.seen, result.name).toMatch(seen);
      for (const text of [result.expected, result.seen]) {
        expect(text.length).toBeLessThanOrEqual(500);
        expect(text).not.toMatch(/tr0ub4dor|[\u0000-\u001f]/);
      }
      expect(result.tookMs, result.name).toBeLessThan(20_000);
    }
  });
});
