import { describe, expect, it } from 'vitest';
import { runMetricsCheck } from '../../../src/activities/checks/metrics.js';
import type { Check } from '../../../src/model.js';
import { contextWith, serve } from './support.js';

const text = `# HELP up Whether it is up
# TYPE up gauge
up{job="api",instance="a,b\\"c"} 1
http_requests_total{method="GET",code="200",} 1.5e+03 1700000000000
latency_bucket{le="+Inf"} 7 # {trace_id="x"} 0.5
process_start_time_seconds NaN
`;
const basic: [string, string] = ['prom', '$METRICS_PASSWORD'];

/** Metrics for those who know the password, or for all. */
const metrics = (body = text, open = false) =>
  serve((request, response) => {
    const known = request.headers.authorization === `Basic ${Buffer.from('prom:metrics-password').toString('base64')}`;
    response.writeHead(known || open ? 200 : 401, { 'content-type': 'text/plain' }).end(known || open ? body : 'no');
  });
const run = (baseUrl: string, check: Check = {}) =>
  runMetricsCheck(
    { metrics: '/metrics', basic, withinMs: 300, ...check },
    contextWith({ baseUrl, variables: { METRICS_PASSWORD: 'metrics-password' } }),
  );

describe('a metrics check', () => {
  it.each(['up', 'up{job="api"}', 'http_requests_total{code="200"}', 'process_start_time_seconds'])(
    'finds a sample of %s, and sees that others are refused',
    async (sample) => {
      const verdict = await run(await metrics(), { expect: { sample, closed: true } });
      expect(verdict).toMatchObject({ ok: true, seen: `4 samples, ${sample} among them; without credentials 401` });
    },
  );

  it.each<[string, Parameters<typeof metrics>, Check, RegExp]>([
    ['that are open to all', [text, true], { expect: { closed: true } }, /without credentials 200/],
    ['without the sample', [], { expect: { sample: 'down' } }, /no sample of down among 4/],
    ['with other labels', [], { expect: { sample: 'up{job="web"}' } }, /no sample of up\{job="web"\}/],
    ['that are a page', ['<!doctype html><title>x</title>'], {}, /line 1 is no sample of Prometheus: "<!doctype/],
    ['that are empty', ['# EOF\n'], {}, /no sample in the answer/],
    ['that never end', ['x 1\n'.repeat(400_000)], {}, /larger than 1 MiB/],
    ['asked with a wrong password', [], { basic: ['prom', '$OTHER'] }, /\$OTHER is not in/],
  ])('refuses metrics %s', async (_, served, check, seen) => {
    const verdict = await run(await metrics(...served), check).catch(({ message }: Error) => ({
      ok: false,
      seen: message,
    }));
    expect(verdict.ok).toBe(false);
    expect(verdict.seen).toMatch(seen);
    expect(verdict.seen).not.toContain('metrics-password');
  });

  it('refuses an expectation that says nothing', async () => {
    await expect(run('http://127.0.0.1:9', { expect: { smaple: 'up' } })).rejects.toThrow(/cannot expect smaple/);
    const open: Check = { metrics: '/metrics', expect: { closed: true } };
    await expect(runMetricsCheck(open, contextWith())).rejects.toThrow(/closed: true needs basic or bearer/);
  });
});
