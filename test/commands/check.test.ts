import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createActivities } from '../../src/activities/create.js';
import { findTools } from '../../src/lib/tools.js';
import type { ChecksNow } from '../../src/model.js';
import { openStage, type Stage } from './stage.js';

let stage: Stage;
beforeAll(async () => void (stage = await openStage()));
afterAll(() => stage.close());

describe('slipway check', () => {
  it('runs what a definition verifies against what runs now, says what failed and where, and leaves to people what they answer', async () => {
    let status = 200;
    const { environment } = await system(
      (_, response) => void response.writeHead(status).end('{"version":"2.0.0"}'),
      [
        'health: { http: /health, expect: { json: { version: "2.0.0" } }, within: 300ms }',
        'mail: { ask: "Is the mail there?" }',
      ],
    );
    const good = await stage.run(['check', environment]);
    expect(good.out).toMatch(/✔ health .*200 in \d+ ms, version .*2\.0\.0.*\n.*: 1 passed$/);
    expect(good.err).toContain(
      `left out: mail, since a person answers it; to run it: slipway check ${environment} mail`,
    );
    expect(good.code).toBe(0);

    status = 503;
    const bad = await stage.run(['check', environment]);
    expect(bad.code).toBe(4);
    expect(bad.out).toMatch(
      /✖ health {2}\S+\.yaml:\d+\n +expected {2}GET \/health: 2xx, version .*\n +seen +503 in .*; tried \d+ times in/,
    );
    expect(bad.out).toMatch(/: 0 passed, 1 failed$/);
    const named = await stage.run(['check', environment, 'mail', '--json']);
    expect(JSON.parse(named.out)).toMatchObject({
      results: [{ name: 'mail', outcome: 'skip', ask: { text: 'Is the mail there?' } }],
    });
    const typo = await stage.run(['check', environment, 'helth']);
    expect([typo.code, typo.err]).toEqual([2, expect.stringContaining('has no check helth')]);
  });

  it('fails in Temporal with the words of what failed', async () => {
    const { environment } = await system(
      (_, response) => void response.writeHead(500).end('boom'),
      ['health: { http: /health, within: 300ms }'],
    );
    const handle = await stage.client.workflow.start('check', {
      workflowId: `${environment}/check-1`,
      taskQueue: 'slipway',
      args: [{}],
    });
    await expect(handle.result()).rejects.toMatchObject({
      cause: {
        type: 'CheckFailed',
        message: expect.stringMatching(/^health \(\S+:\d+\): expected GET \/health: 2xx, seen 500 in/) as string,
      },
    });
  });

  it('goes on with --watch until Ctrl-C, without what may change something or uses up a limit', async () => {
    const asked: string[] = [];
    const { environment } = await system(
      (request, response) => void response.end(`${asked.push(`${request.method} ${request.url}`)}`),
      [
        'health: { http: /health }',
        'order: { http: POST /orders }',
        'limit: { http: /limited, repeat: 9, expect: 429 }',
        'slow: { http: /health, expect: 204, within: 300ms, level: warn }',
      ],
    );
    const watching = stage.begin(['check', environment, '--watch']);
    await watching.says(/1 passed[\s\S]*1 passed, 1 failed that need not pass/, 60_000);
    watching.interrupt();
    const { code, err } = await watching.done;
    expect(code).toBe(0);
    expect(err).toMatch(/left out: order, since it may change something; to run it: slipway check \S+ order\n/);
    expect(err).toMatch(/left out: limit, since it uses up a limit/);
    expect(new Set(asked)).toEqual(new Set(['GET /health']));
    const named = await stage.run(['check', environment, 'order']);
    expect([named.code, asked.at(-1)]).toEqual([0, 'POST /orders']);
  }, 120_000);

  it('takes for 200 checks the time of the slowest and fewer than 40 events, and shows each in the current details', async () => {
    const { environment } = await system(
      (_, response) => void setTimeout(() => response.end('{}'), 1500),
      Array.from({ length: 200 }, (_, i) => `c${i}: { http: /c${i} }`),
    );
    const workflowId = `${environment}/check-many`;
    const handle = await stage.client.workflow.start('check', { workflowId, taskQueue: 'slipway', args: [{}] });
    const shown = new Set<string>();
    const looking = setInterval(
      () =>
        void details(handle).then(
          (text) => shown.add(text),
          () => undefined,
        ),
      300,
    );
    const { results } = (await handle.result()) as ChecksNow;
    clearInterval(looking);
    expect(results.filter(({ outcome }) => outcome === 'pass')).toHaveLength(200);
    const { events } = await handle.fetchHistory();
    expect(events?.length).toBeLessThan(40);
    const [began, ended] = [
      Math.min(...results.map(({ tookMs }) => tookMs)),
      Math.max(...results.map(({ tookMs }) => tookMs)),
    ];
    expect(began).toBeGreaterThanOrEqual(1490);
    // One after the other they would take 300 s.
    expect(ended).toBeLessThan(20_000);
    const final = await details(handle);
    for (const text of [[...shown].find((one) => one.includes('●')) ?? '', final]) {
      expect(Buffer.byteLength(text)).toBeLessThan(20_000);
      expect(results.filter(({ name }) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
    }
  });
});

async function details(handle: { query<T>(name: string): Promise<T> }): Promise<string> {
  return (await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata')).currentDetails;
}

/** An environment whose checks are really run, against a server of this test. */
async function system(listener: RequestListener, verify: string[]): Promise<{ environment: string }> {
  const root = await mkdtemp(join(tmpdir(), 'slipway-check-'));
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const systems = join(root, 'systems');
  await mkdir(systems);
  const real = createActivities({
    name: 'localhost',
    systems,
    root: join(root, 'state'),
    namespace: 'x',
    tools: findTools(),
  });
  const place = await stage.environment({ fakes: { checksDue: real.checksDue, checkNow: real.checkNow } });
  const [name = ''] = place.environment.split('/');
  await mkdir(join(root, 'live'));
  await writeFile(
    join(systems, `${name}.yaml`),
    [
      `system: ${name}`,
      `environments: { env: { host: localhost, directory: ${root}/live, url: "http://127.0.0.1:${(server.address() as AddressInfo).port}" } }`,
      'source: { git: {} }',
      'runtime: { processes: { start: ["true"], stop: ["true"], ports: [9] }, open: at_start }',
      'verify:',
      ...verify.map((line) => `  ${line}`),
    ].join('\n'),
  );
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await rm(root, { recursive: true, force: true });
  });
  return place;
}
