import { describe, expect, it } from 'vitest';
import type { Question, Status, StepState } from '../../src/model.js';
import { renderEnvironment, renderEnvironments, type EnvironmentState } from '../../src/view/environment.js';
import { Progress } from '../../src/view/progress.js';
import { renderQuestion } from '../../src/view/question.js';
import { plainStyle } from '../../src/view/style.js';

const at = (second: number) => new Date(Date.UTC(2026, 10, 21, 12, 0, second)).toISOString();
const nowMs = Date.parse(at(30));
const step = (name: StepState['name'], state: StepState['state'], more: Partial<StepState> = {}): StepState => ({
  name,
  state,
  undo: false,
  startedAt: at(0),
  ...(state === 'running' ? {} : { endedAt: at(2) }),
  ...more,
});
const status = (more: Partial<Status> = {}): Status => ({
  environment: 'shop/local',
  kind: 'deploy',
  run: 'run-1',
  version: '2.0.0',
  previous: '1.0.0',
  phase: 'verify',
  state: 'running',
  by: 'ann',
  startedAt: at(0),
  steps: [],
  checks: [],
  questions: [],
  refused: [],
  refusedCount: 0,
  ...more,
});
const go: Question = {
  name: 'go',
  is: 'gate',
  text: 'deploy 2.0.0 (aaaaaaa) over 1.0.0 in shop/local?',
  answers: ['approve', 'reject'],
  roles: ['ops', 'owner'],
  plan: 'a1b2c3d',
  since: at(2),
  deadline: at(59),
  detail: ['change: compatible', 'pending in main: add-notes'],
};

describe('a question', () => {
  it('of a gate shows what is decided, by whom, until when, and what to type', () => {
    expect(renderQuestion('shop/local', go, plainStyle).join('\n')).toBe(
      `
? go  deploy 2.0.0 (aaaaaaa) over 1.0.0 in shop/local?
    change: compatible
    pending in main: add-notes
    waits for ops or owner
    until 2026-11-21 12:00:59 UTC
    slipway approve shop/local go --plan a1b2c3d --by NAME
    slipway reject shop/local go --plan a1b2c3d --by NAME
    temporal workflow signal --workflow-id shop/local --name approve --input '{"gate":"go","by":"NAME","plan":"a1b2c3d"}'`.slice(
        1,
      ),
    );
  });

  it('of a failure has a command for each answer that a shell takes as it is', () => {
    const failure: Question = {
      name: 'migrate',
      is: 'failure',
      text: 'column is in use',
      answers: ['retry', 'rollback', 'stop'],
      roles: [],
      plan: 'a1b2c3d',
      since: at(2),
    };
    expect(renderQuestion('shop/local', failure, plainStyle).join('\n')).toBe(
      `
? migrate  column is in use
    slipway answer shop/local migrate retry --plan a1b2c3d --by NAME
    slipway answer shop/local migrate rollback --plan a1b2c3d --by NAME
    slipway answer shop/local migrate stop --plan a1b2c3d --by NAME
    temporal workflow signal --workflow-id shop/local --name answer --input '{"to":"migrate","answer":"retry","by":"NAME","plan":"a1b2c3d"}'`.slice(
        1,
      ),
    );
  });

  it('shows nothing from outside that a terminal would obey', () => {
    const evil = { ...go, text: 'a\u001b[2Jb\rc\nd', detail: [], roles: [] };
    expect(renderQuestion('shop/local', evil, plainStyle)[0]).toBe('? go  abc d');
  });
});

describe('progress', () => {
  it('appends each step once, with how long it took, and the failed checks with their place', () => {
    const progress = new Progress(plainStyle);
    const steps = [
      step('preflight', 'done', { note: '3 checks passed' }),
      step('rehearse', 'skipped', { note: 'no migration is pending' }),
    ];
    expect(progress.lines(status({ steps }), nowMs).join('\n')).toBe(
      `
✔ preflight           2.0 s  3 checks passed
○ rehearse                   no migration is pending`.slice(1),
    );
    expect(progress.lines(status({ steps }), nowMs)).toEqual([]);
    const checks: Status['checks'] = [
      {
        phase: 'verify',
        results: [
          {
            name: 'health',
            outcome: 'pass',
            must: 'must',
            expected: '200',
            seen: '200',
            where: 'systems/shop.yaml:40',
            tookMs: 1,
          },
          {
            name: 'revenue',
            outcome: 'fail',
            must: 'must',
            expected: '7',
            seen: '0',
            where: 'systems/shop.yaml:41',
            tookMs: 1,
          },
          {
            name: 'speed',
            outcome: 'fail',
            must: 'warn',
            expected: 'under 9',
            seen: '12',
            where: 'systems/shop.yaml:44',
            tookMs: 1,
          },
        ],
      },
    ];
    const failed = [
      ...steps,
      step('verify', 'failed', { note: 'revenue (systems/shop.yaml:41): expected 7, seen 0' }),
      step('start', 'undone', { undo: true }),
    ];
    expect(progress.lines(status({ steps: failed, checks }), nowMs).join('\n')).toBe(
      `
✖ verify              2.0 s  these checks failed:
    ✖ revenue  systems/shop.yaml:41
        expected  7
        seen      0
    ! speed  systems/shop.yaml:44
        expected  under 9
        seen      12
↺ undo start          2.0 s`.slice(1),
    );
  });

  it('tells a step that runs for long once, and nothing of it where it is shown moving', () => {
    const running = status({ steps: [step('backup', 'running')] });
    const progress = new Progress(plainStyle);
    expect(progress.lines(running, nowMs - 29_000)).toEqual([]);
    expect(progress.lines(running, nowMs)).toEqual(['● backup']);
    expect(progress.lines(running, nowMs + 5000)).toEqual([]);
    expect(new Progress(plainStyle, true).lines(running, nowMs)).toEqual([]);
  });

  it('tells a step again that a person had tried again', () => {
    const progress = new Progress(plainStyle);
    const told = (one: StepState) => progress.lines(status({ steps: [one] }), nowMs).join('\n');
    expect(told(step('migrate', 'failed', { note: 'in use' }))).toMatch(/^✖ migrate .*in use$/);
    expect(told(step('migrate', 'running', { note: 'again, says ann', endedAt: at(3) }))).toMatch(
      /^● migrate +again, says ann$/,
    );
    expect(told(step('migrate', 'running', { note: 'again, says ann', endedAt: at(3) }))).toBe('');
    expect(told(step('migrate', 'done', { endedAt: at(9) }))).toMatch(/^✔ migrate +9\.0 s$/);
  });

  it('tells each message that did not count once', () => {
    const progress = new Progress(plainStyle);
    const refused = (count: number) =>
      status({
        refusedCount: count,
        refused: Array.from({ length: count }, (_, i) => ({ at: at(i), message: `approve ${i}`, reason: 'no' })),
      });
    expect(progress.lines(refused(1), nowMs)).toEqual(['! did not count: approve 0: no']);
    expect(progress.lines(refused(3), nowMs)).toEqual([
      '! did not count: approve 1: no',
      '! did not count: approve 2: no',
    ]);
    expect(progress.lines(refused(3), nowMs)).toEqual([]);
  });
});

describe('the state of an environment', () => {
  const open = { kind: 'deploy' as const, version: '2.0.0', by: 'ann', startedAt: at(0), phase: 'go', runId: 'r' };
  const state = (more: Partial<EnvironmentState>): EnvironmentState => ({
    environment: 'shop/local',
    state: 'finished',
    waits: 'the last run ended deployed',
    current: '1.0.0',
    previous: null,
    beside: [],
    host: null,
    ...more,
  });

  it('has one line in the list of all', () => {
    const states = [
      state({}),
      state({ environment: 'shop/production', state: 'waiting', waits: 'go (ops)', since: at(2) }),
      state({
        environment: 'a/b',
        state: 'no-host-worker',
        waits: 'start `slipway worker` on its host to see more',
        current: null,
      }),
    ];
    expect(renderEnvironments(states).join('\n')).toBe(
      `
environment      version  state                  what waits
shop/local       1.0.0    finished               the last run ended deployed
shop/production  1.0.0    waits for a person     go (ops)
a/b              -        no worker on the host  start \`slipway worker\` on its host to see more`.slice(1),
    );
  });

  it('in full shows the run, its steps, and the open question', () => {
    const waiting = status({
      phase: 'go',
      state: 'waiting',
      steps: [step('preflight', 'done'), step('go', 'waiting')],
      questions: [{ ...go, detail: [], roles: [] }],
    });
    const lines = renderEnvironment(
      state({ state: 'waiting', waits: 'go', previous: '0.9.0', since: at(2), open, status: waiting }),
      plainStyle,
      nowMs,
    );
    expect(lines.slice(0, 8).join('\n')).toBe(
      `
? shop/local  waits for a person: go
  serves    1.0.0
  before    0.9.0
  run       deploy 2.0.0 by ann, started 2026-11-21 12:00:00 UTC, 30.0 s ago, at go
  since     2026-11-21 12:00:02 UTC

✔ preflight           2.0 s
? go  deploy 2.0.0 (aaaaaaa) over 1.0.0 in shop/local?`.slice(1),
    );
  });

  it('of a silent run says so', () => {
    expect(
      renderEnvironment(
        state({
          state: 'no-workflow-worker',
          waits: 'deploy 2.0.0 waits at go: start `slipway worker`',
          current: null,
          open,
        }),
        plainStyle,
        nowMs,
      ).slice(0, 2),
    ).toEqual([
      '✖ shop/local  no workflow worker: deploy 2.0.0 waits at go: start `slipway worker`',
      '  serves    unknown: its host does not answer',
    ]);
  });
});
