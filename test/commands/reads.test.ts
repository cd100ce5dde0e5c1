import { spawn } from 'node:child_process';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EvidenceAnswer } from '../../src/activities/index.js';
import { fail } from '../../src/errors.js';
import type { HistoryEntry, Journal, Plan } from '../../src/model.js';
import { compiled } from '../stack/compiled.js';
import { gate, hostState, openStage, type Stage } from './stage.js';

let stage: Stage;
beforeAll(async () => void (stage = await openStage()));
afterAll(() => stage.close());

const text = (part: string) => expect.stringContaining(part) as string;
const journal: Journal = {
  run: 'run-9',
  kind: 'deploy',
  environment: 'x/y',
  namespace: 'default',
  workflowRunId: 'w',
  token: 3,
  claimedAt: '2026-11-21T10:00:00.000Z',
  last: { step: 'migrate', undo: false, try: 1, at: '2026-11-21T10:00:07.000Z' },
};

describe('slipway status', () => {
  it('tells apart what is finished, empty, held by an open journal, and waiting for a person', async () => {
    const finished = await stage.environment();
    const empty = await stage.environment({ fakes: { state: async () => hostState('e') } });
    const held = await stage.environment({ fakes: { state: async () => hostState('h', { journal }) } });
    const torn = await stage.environment({
      fakes: {
        state: async () => {
          throw fail('EvidenceUnwritable', 'history.jsonl is torn');
        },
      },
    });
    const waiting = await stage.environment({ outline: { gates: { go: gate({ roles: ['ops'] }) } } });
    await stage.begin(['deploy', waiting.environment, '2.0.0', '--detach']).done;
    await stage.begin(['watch', waiting.environment]).says(/\? go/);

    const { code, out } = await stage.run(['status']);
    const line = (environment: string) => out.split('\n').find((one) => one.startsWith(environment));
    expect(line(finished.environment)).toMatch(/1\.0\.0 +finished +the last run ended deployed$/);
    expect(line(empty.environment)).toMatch(/- +nothing deployed yet +slipway adopt /);
    expect(line(held.environment)).toMatch(
      new RegExp(
        `held by a run that did not end +deploy run-9 did not end, its last step was migrate: slipway recover ${held.environment}`,
      ),
    );
    expect(line(torn.environment)).toMatch(/- +its host cannot tell +history\.jsonl is torn$/);
    expect(line(waiting.environment)).toMatch(/1\.0\.0 +waits for a person +go \(ops\)$/);
    expect(code).toBe(0);

    const one = await stage.run(['status', waiting.environment]);
    expect(one.out).toMatch(
      new RegExp(`^\\? ${waiting.environment} {2}waits for a person: go \\(ops\\)\n {2}serves +1\\.0\\.0\n`),
    );
    expect(one.out).toContain('deploy 2.0.0 by ann, started');
    expect(one.out).toContain(`slipway approve ${waiting.environment} go --plan`);
    const json = await stage.run(['status', waiting.environment, '--json']);
    expect(JSON.parse(json.out)).toMatchObject({
      state: 'waiting',
      current: '1.0.0',
      open: { kind: 'deploy', version: '2.0.0', phase: 'go' },
    });
    await stage.run(['cancel', waiting.environment]);
  });

  it('says since when no worker is on the host, or that none runs workflows', async () => {
    let release = () => {};
    const stopping = new Promise<void>((resolve) => (release = resolve));
    const place = await stage.environment({
      fakes: { window: async () => ({ waitMs: 0, opensAt: '' }), stop: async () => stopping },
    });
    const deploy = stage.begin(['deploy', place.environment, '2.0.0'], { person: true });
    await deploy.says(/● stop/);
    expect(JSON.parse((await stage.run(['status', place.environment, '--json'])).out)).toMatchObject({
      state: 'running',
      waits: 'deploy 2.0.0 is at stop',
    });
    release();
    await place.stop();
    await deploy.says(
      /! no worker serves .* \(since .* UTC\): start `slipway worker` on its host; the run waits/,
      30_000,
    );
    const gone = await stage.run(['status', place.environment]);
    expect(gone.out).toMatch(/no worker on the host: deploy 2\.0\.0 waits at \w+: start `slipway worker` on its host/);
    expect(gone.out).toContain('since');

    const back = await stage.withoutWorkflows();
    try {
      const silent = await stage.run(['status', place.environment]);
      expect(silent.out).toMatch(/no workflow worker: deploy 2\.0\.0 waits at \w+: start `slipway worker`/);
      const all = await stage.run(['status']);
      expect(all).toMatchObject({
        code: 1,
        err: text('no worker answers on the task queue slipway'),
        out: text(place.environment),
      });
    } finally {
      await back();
    }
    deploy.interrupt();
    await stage.client.workflow.getHandle(place.environment).terminate('end of the test');
  });
});

describe('what needs a host', () => {
  const plan: Plan = {
    environment: 'x/y',
    kind: 'deploy',
    version: { version: '2.0.0', sha: 'abcdef0123' },
    previous: null,
    change: 'compatible',
    pending: {},
    downtime: 'none',
    unbuilt: [],
    warnings: [],
    definition: 'd',
    hash: 'f00',
    steps: [
      { name: 'stop', is: 'step', title: 'stops', commands: ['sh stop.sh'], undo: ['sh start.sh'], changes: true },
    ],
  };

  it('plans a deploy and a rollback, with both ways to start it', async () => {
    const asked: unknown[] = [];
    const { environment } = await stage.environment({
      fakes: { plan: async (request) => (asked.push(request), plan) },
    });
    const { code, out } = await stage.run(['plan', environment, '2.0.0', '--change', 'compatible']);
    expect(out).toContain('$ sh stop.sh');
    expect(out).toContain(`slipway deploy ${environment} 2.0.0 --change compatible`);
    expect(out).toContain(
      `temporal workflow start --type deploy --task-queue slipway --workflow-id ${environment} --fail-existing --input '{"version":"2.0.0","change":"compatible"}'`,
    );
    expect(code).toBe(0);
    const back = await stage.run(['plan', environment, '--rollback']);
    expect(back.out).toContain(
      `--type rollback --task-queue slipway --workflow-id ${environment} --fail-existing --input '{}'`,
    );
    await stage.run(['plan', environment, '--rollback', '1.0.0']);
    expect(asked).toEqual([
      { environment, kind: 'deploy', input: { version: '2.0.0', change: 'compatible' } },
      { environment, kind: 'rollback', input: {} },
      { environment, kind: 'rollback', input: { version: '1.0.0' } },
    ]);
  });

  it('says in one line what the host refuses, with its exit code', async () => {
    const { environment } = await stage.environment({
      fakes: {
        plan: async () => {
          throw fail('Usage', 'no tag 9 nor v9 in /srv/shop');
        },
      },
    });
    expect(await stage.run(['plan', environment, '9'])).toEqual({
      code: 2,
      out: '',
      err: 'slipway: no tag 9 nor v9 in /srv/shop',
    });
  });

  it('lists the history, newest first', async () => {
    const entry = (version: string, endedAt: string): HistoryEntry => ({
      run: `run-${version}`,
      kind: 'deploy',
      outcome: 'deployed',
      current: { version, sha: 'abcdef0123' },
      version,
      previous: null,
      startedAt: '2026-11-21T10:00:00.000Z',
      endedAt,
      by: 'ann',
      revisions: {},
      fingerprints: {},
      evidence: 'e',
    });
    const { environment } = await stage.environment({
      fakes: {
        history: async () => [entry('1.0.0', '2026-11-21T10:00:30.000Z'), entry('2.0.0', '2026-11-21T10:01:05.000Z')],
      },
    });
    const { out } = await stage.run(['history', environment]);
    expect(out.split('\n').map((line) => line.split(/ {2,}/).slice(0, 6))).toEqual([
      ['ended', 'run of', 'version', 'outcome', 'serves since', 'took'],
      ['2026-11-21 10:01:05 UTC', 'deploy', '2.0.0', 'deployed', '2.0.0 (abcdef0)', '1 m 05 s'],
      ['2026-11-21 10:00:30 UTC', 'deploy', '1.0.0', 'deployed', '1.0.0 (abcdef0)', '30.0 s'],
    ]);
    expect(JSON.parse((await stage.run(['history', environment, '--json'])).out)).toHaveLength(2);
  });

  it('prints the report, and with --verify names the first broken entry and exits 1', async () => {
    const answer: EvidenceAnswer = {
      run: 'run-1',
      folder: '/records/run-1',
      ended: true,
      report: '# Report\n',
      verified: { ok: true, entries: 9, head: 'abc' },
    };
    const whole = await stage.environment({ fakes: { evidence: async () => answer } });
    expect(await stage.run(['evidence', whole.environment])).toMatchObject({ code: 0, out: '# Report' });
    expect(await stage.run(['evidence', whole.environment, '--verify'])).toMatchObject({
      code: 0,
      out: 'ok: run-1, 9 entries, head abc',
    });
    const changed = await stage.environment({
      fakes: { evidence: async () => ({ ...answer, verified: { ok: false, entry: 4, problem: 'it was changed' } }) },
    });
    expect(await stage.run(['evidence', changed.environment, 'run-1', '--verify'])).toMatchObject({
      code: 1,
      err: text('run-1 is broken at entry 4: it was changed'),
    });
  });

  it('shows the open run and the way back by hand on recover', async () => {
    const state = hostState('x/y', {
      journal,
      undo: '# Take it back\n',
      undoPath: '/records/run-9/undo.md',
      lastStep: 'migrate',
    });
    const { environment } = await stage.environment({ fakes: { state: async () => state } });
    const { code, out } = await stage.run(['recover', environment]);
    expect(out).toContain(
      'run run-9 (deploy, since 2026-11-21 10:00:00 UTC) did not end; its last step was migrate, 2026-11-21 10:00:07 UTC',
    );
    expect(out).toContain('/records/run-9/undo.md');
    expect(out).toContain('# Take it back');
    expect(code).toBe(0);
  });
});

describe('what is not there', () => {
  it('refuses an unknown environment with 2, naming the nearest, and starts nothing', async () => {
    const { environment } = await stage.environment();
    const wrong = `${environment}x`;
    for (const args of [
      ['deploy', wrong, '1'],
      ['plan', wrong, '1'],
      ['status', wrong],
      ['watch', wrong],
      ['approve', wrong, '--plan', 'abcdefg'],
      ['cancel', wrong],
      ['recover', wrong],
    ]) {
      expect(await stage.run(args)).toMatchObject({
        code: 2,
        out: '',
        err: text(`there is no environment ${wrong}; did you mean \`${environment}\`?`),
      });
    }
    await expect(stage.client.workflow.getHandle(wrong).describe()).rejects.toThrow(/not found/);
  });

  it('says what to type when a decision finds no run', async () => {
    const { environment } = await stage.environment();
    expect(await stage.run(['approve', environment, 'go', '--plan', 'abcdefg'])).toMatchObject({
      code: 1,
      err: text(`slipway deploy ${environment} VERSION`),
    });
    expect(await stage.run(['cancel', environment])).toMatchObject({
      code: 1,
      err: text(`nothing runs in ${environment}`),
    });
    expect(await stage.run(['watch', environment])).toMatchObject({
      code: 1,
      err: text(`nothing ran in ${environment} yet`),
    });
  });

  it('keeps a decision as a signal when no worker answers; it counts once when one does', async () => {
    const { environment } = await stage.environment({ outline: { gates: { go: gate() } } });
    const deploy = stage.begin(['deploy', environment, '2.0.0'], { person: true });
    const [, plan = ''] = await deploy.says(/--plan (\w{7})/);
    const back = await stage.withoutWorkflows();
    const stored = await stage.run(['approve', environment, 'go', '--plan', plan, '--by', 'bob']).finally(back);
    expect(stored).toMatchObject({ code: 0, err: text('stored, not yet checked: no worker answered') });
    const ended = await deploy.done;
    expect(ended.code).toBe(0);
    expect(ended.err).toContain('! no workflow worker answers on queue slipway');
    expect(ended.out.match(/approved {3}go by bob/g)).toHaveLength(1);
  });

  it('says in one line that there is no such namespace', async () => {
    const { TEMPORAL_ADDRESS: address } = stage.env;
    const err = `slipway: there is no namespace nope at ${address}: name one with --namespace / TEMPORAL_NAMESPACE`;
    for (const args of [['status'], ['deploy', 'shop/local', '1'], ['watch', 'shop/local']]) {
      expect(await stage.run([...args, '--namespace', 'nope'])).toEqual({ code: 1, out: '', err });
    }
  });

  it('says in one line that no server is there', async () => {
    const none = { env: { TEMPORAL_ADDRESS: '127.0.0.1:1' } };
    const line =
      'slipway: no Temporal server at 127.0.0.1:1: start one with `slipway dev`, or name yours with --address / TEMPORAL_ADDRESS';
    expect(await stage.run(['status'], none)).toEqual({ code: 1, out: '', err: line });
  });
});

it('needs nothing but Temporal: the program works in an empty folder', async () => {
  const { environment } = await stage.environment();
  const cwd = await mkdtemp(join(tmpdir(), 'slipway-empty-'));
  const client = await compiled(new URL('../../src/client.ts', import.meta.url));
  const env = { PATH: process.env.PATH ?? '', HOME: cwd, ...stage.env };
  const child = spawn(process.execPath, [client, 'status', environment, '--json'], { cwd, env });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  await rmdir(cwd); // also proves that nothing was left in it
  expect({ code, state: (JSON.parse(out) as { state: string }).state }).toEqual({ code: 0, state: 'finished' });
});
