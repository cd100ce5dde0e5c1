import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fail } from '../../src/errors.js';
import type { Call, CheckResult, Report } from '../../src/model.js';
import { gate, openStage, type Stage } from './stage.js';

let stage: Stage;
beforeAll(async () => void (stage = await openStage()));
afterAll(() => stage.close());

const failing = (step: string) => async (call: Call) => {
  if (call.at.step === step && !call.at.undo) throw fail('CommandFailed', `${step} broke`);
  return {};
};
const broken: CheckResult = {
  name: 'revenue',
  outcome: 'fail',
  must: 'must',
  expected: '7',
  seen: '0',
  where: 'systems/shop.yaml:41',
  tookMs: 3,
};

describe('slipway deploy', () => {
  it('follows a release to its end: each step once on stderr, the report on stdout, exit 0', async () => {
    const { environment } = await stage.environment();
    const { code, out, err } = await stage.run(['deploy', environment, '2.0.0'], {
      env: { SLIPWAY_UI: 'http://ui:1/' },
    });
    expect(err).toMatch(/^✔ resolve /);
    for (const step of ['resolve', 'backup', 'migrate', 'open', 'record'])
      expect(err.match(new RegExp(`✔ ${step} `, 'g'))).toHaveLength(1);
    expect(err).toContain('○ rehearse                   no migration is pending');
    expect(out).toMatch(new RegExp(`^✔ deployed  deploy 2.0.0 in ${environment}\n  serves now 2.0.0\n`));
    expect(out).toContain('  report     /records/run-1/report.md\n  undo       /records/run-1/undo.md');
    expect(out).toContain(
      `  UI         http://ui:1/namespaces/${stage.env.TEMPORAL_NAMESPACE}/workflows/${encodeURIComponent(environment)}/`,
    );
    expect(code).toBe(0);
  });

  it('prints the report as one JSON object with --json, and nothing else to stdout', async () => {
    const { environment } = await stage.environment();
    const { code, out } = await stage.run(['deploy', environment, '2.0.0', '--json', '--by', 'bob']);
    expect(JSON.parse(out) as Report).toMatchObject({ outcome: 'deployed', environment, current: '2.0.0' });
    expect(code).toBe(0);
  });

  it('shows the failing check with its place, the undo, and exits 3 when it was rolled back', async () => {
    const check = async (call: Call, release: unknown) => ({
      phase: call.at.step,
      results: call.at.step === 'verify' && !release ? [broken] : [],
    });
    const { environment } = await stage.environment({ fakes: { check } });
    const { code, out, err } = await stage.run(['deploy', environment, '3.0.0']);
    expect(err).toMatch(/✖ verify .*\n/);
    expect(err).toContain('systems/shop.yaml:41');
    expect(err).toMatch(/expected\s+7[\s\S]*seen\s+0/);
    expect(err).toMatch(/↺ undo start[\s\S]*↺ undo migrate[\s\S]*↺ undo switch[\s\S]*↺ undo stop/);
    expect(out).toMatch(/^↺ rolled-back {2}deploy 3\.0\.0/);
    expect(code).toBe(3);
  });

  it('exits 4 on a no-go, naming the check', async () => {
    const { environment } = await stage.environment({
      fakes: { check: async (call) => ({ phase: call.at.step, results: [broken] }) },
    });
    const { code, out } = await stage.run(['deploy', environment, '2.0.0']);
    expect(out).toMatch(/^✖ no-go .*revenue \(systems\/shop\.yaml:41\): expected 7, seen 0/);
    expect(code).toBe(4);
  });

  it('exits 1 when nothing was changed, and 2 when the version is wrong', async () => {
    const unchanged = await stage.environment({ fakes: { backup: failing('backup') } });
    expect(await stage.run(['deploy', unchanged.environment, '2.0.0'])).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^✖ failed-unchanged .*backup broke/) as string,
    });
    const unknown = await stage.environment({
      fakes: {
        resolve: async () => {
          throw fail('Usage', 'no tag 9.9.9 nor v9.9.9 in /srv/shop');
        },
      },
    });
    expect(await stage.run(['deploy', unknown.environment, '9.9.9'])).toMatchObject({
      code: 2,
      out: expect.stringMatching(/no tag 9\.9\.9 .*\/srv\/shop$/) as string, // nothing was resolved, so no word on what serves
    });
  });

  it('waits for a gate without a terminal, shows what answers it, and goes on once that was typed elsewhere', async () => {
    const { environment } = await stage.environment({
      outline: { gates: { go: gate({ roles: ['release-manager'] }) } },
    });
    const deploy = stage.begin(['deploy', environment, '2.0.0']);
    const [, code = ''] = await deploy.says(new RegExp(`slipway approve ${environment} go --plan (\\w{7}) --by NAME`));
    expect(deploy.text()).toContain('waits for release-manager');
    expect(deploy.text()).toContain(
      `temporal workflow signal --workflow-id ${environment} --name approve --input '{"gate":"go","by":"NAME","plan":"${code}"}'`,
    );

    const refused = await stage.run(['approve', environment, 'go', '--plan', 'aaaaaaa']);
    expect(refused).toMatchObject({
      code: 4,
      err: `slipway: refused: plan aaaaaaa is not what waits here: it is ${code}`,
    });
    const agreed = await stage.run(['approve', environment, '--plan', code, '--by', 'bob', '--reason', 'seen']);
    expect(agreed).toMatchObject({ code: 0, err: '✔ go: approve by bob' });
    const ended = await deploy.done;
    expect(ended.out).toMatch(/approved {3}go by bob, /);
    expect(ended.code).toBe(0);
  });

  it('exits 4 when the gate is rejected', async () => {
    const { environment } = await stage.environment({ outline: { gates: { go: gate() } } });
    const deploy = stage.begin(['deploy', environment, '2.0.0']);
    const [, code = ''] = await deploy.says(/--plan (\w{7})/);
    expect(await stage.run(['reject', environment, 'go', '--plan', code, '--reason', 'tickets open'])).toMatchObject({
      code: 0,
    });
    const ended = await deploy.done;
    expect(ended.out).toContain('go: reject by ann: tickets open');
    expect(ended.code).toBe(4);
  });

  it('ends with 5 at a failure that waits when nobody is at a terminal, naming each answer; watch then shows the end', async () => {
    let broke = false;
    const migrate = async (call: Call) => {
      if (broke || call.at.undo) return {};
      broke = true;
      throw fail('MigrationFailed', 'column is in use');
    };
    const { environment } = await stage.environment({ fakes: { migrate }, outline: { on_failure: 'ask' } });
    const { code, err } = await stage.run(['deploy', environment, '2.0.0']);
    expect(code).toBe(5);
    expect(err).toContain('? migrate  column is in use');
    for (const word of ['retry', 'rollback', 'stop'])
      expect(err).toMatch(new RegExp(`slipway answer ${environment} migrate ${word} --plan \\w{7} --by NAME`));
    expect(err).toContain(`come back with: slipway watch ${environment}`);

    const plan = /--plan (\w{7})/.exec(err)?.[1] ?? '';
    const watching = stage.begin(['watch', environment], { person: true });
    await watching.says(/\? migrate/);
    expect(
      await stage.run(['answer', environment, 'migrate', 'retry', '--plan', plan, '--note', 'dropped it']),
    ).toMatchObject({ code: 0 });
    expect(await watching.done).toMatchObject({ code: 0, out: expect.stringMatching(/^✔ deployed/) as string });
  });

  it('returns 0 once started with --detach, and says how to follow', async () => {
    const { environment } = await stage.environment({ outline: { gates: { go: gate() } } });
    const { code, out, err } = await stage.run(['deploy', environment, '2.0.0', '--detach']);
    expect({ code, out }).toEqual({ code: 0, out: '' });
    expect(err).toContain(`slipway watch ${environment}`);
    await stage.run(['cancel', environment]);
  });

  it('leaves at Ctrl-C, says that the run goes on, and exits 130; watch exits 0', async () => {
    const { environment } = await stage.environment({ outline: { gates: { go: gate() } } });
    const deploy = stage.begin(['deploy', environment, '2.0.0'], { person: true });
    await deploy.says(/\? go/);
    deploy.interrupt();
    expect(await deploy.done).toMatchObject({
      code: 130,
      err: expect.stringContaining(
        `the run goes on without us; come back with: slipway watch ${environment}`,
      ) as string,
    });
    const watching = stage.begin(['watch', environment], { person: true });
    await watching.says(/\? go/);
    watching.interrupt();
    expect(await watching.done).toMatchObject({ code: 0 });
    expect((await stage.client.workflow.getHandle(environment).describe()).status.name).toBe('RUNNING');
    await stage.run(['cancel', environment]);
  });

  it('names the holder of a held environment, starts nothing, and exits 1; recover shows what the host knows', async () => {
    const { environment } = await stage.environment({ outline: { gates: { go: gate() } } });
    const first = stage.begin(['deploy', environment, '2.0.0', '--by', 'bob']);
    await first.says(/\? go/);
    for (const args of [
      ['deploy', environment, '2.1.0'],
      ['adopt', environment],
    ]) {
      const second = await stage.run(args);
      expect(second.err).toMatch(
        new RegExp(
          `^slipway: ${environment} is held: deploy 2.0.0 started by bob at .* UTC, now at go; slipway watch ${environment}$`,
        ),
      );
      expect(second.code).toBe(1);
    }
    const recover = await stage.run(['recover', environment]);
    expect(recover).toMatchObject({ code: 0, err: expect.stringContaining('is held: deploy 2.0.0') as string });
    expect(recover.out).toContain(`${environment} on `);
    await stage.run(['cancel', environment, '--reason', 'enough']);
    expect(await first.done).toMatchObject({ code: 1, out: expect.stringContaining('cancelled') as string });
  });

  it('says that a run was terminated behind its back, and where to look', async () => {
    const { environment } = await stage.environment({ outline: { gates: { go: gate() } } });
    const deploy = stage.begin(['deploy', environment, '2.0.0']);
    await deploy.says(/\? go/);
    await stage.client.workflow.getHandle(environment).terminate('by hand');
    expect(await deploy.done).toMatchObject({
      code: 5,
      err: expect.stringContaining(`nothing was undone: slipway recover ${environment}`) as string,
    });
  });
});

describe('slipway rollback', () => {
  it('takes a running deploy back and exits 0, while the deploy that is followed exits 3', async () => {
    const { environment } = await stage.environment({ outline: { gates: { 'sign-off': gate() } } });
    const deploy = stage.begin(['deploy', environment, '2.0.0']);
    await deploy.says(/\? sign-off/);
    expect(await stage.run(['rollback', environment, '0.9.0'])).toMatchObject({
      code: 1,
      err: expect.stringContaining(`first slipway rollback ${environment}, then`) as string,
    });
    const back = await stage.run(['rollback', environment, '--by', 'bob', '--reason', 'customers see errors']);
    expect(back.err).toContain('✔ taking this run back');
    expect(back.out).toContain('bob asked to take it back: customers see errors');
    expect(back.code).toBe(0);
    expect((await deploy.done).code).toBe(3);
  });

  it('starts the rollback where nothing runs', async () => {
    const { environment } = await stage.environment();
    expect(await stage.run(['rollback', environment, '1.0.0'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^✔ done {2}rollback 1\.0\.0/) as string,
    });
  });

  it('names any other run that holds the environment', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const { environment } = await stage.environment({ fakes: { backup: async () => held } });
    const adopting = stage.begin(['adopt', environment]);
    await adopting.says(/✔ preflight/);
    expect(await stage.run(['rollback', environment])).toMatchObject({
      code: 1,
      err: expect.stringContaining('is held: adopt') as string,
    });
    release();
    expect(await adopting.done).toMatchObject({ code: 0 });
  });
});
