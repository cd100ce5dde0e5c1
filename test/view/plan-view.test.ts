import { describe, expect, it } from 'vitest';
import { startCommands } from '../../src/client/start-commands.js';
import type { Plan } from '../../src/model.js';
import { formatDuration } from '../../src/view/duration.js';
import { renderPlan } from '../../src/view/plan.js';
import { plainStyle, speaksUtf8, styleFor } from '../../src/view/style.js';

const plan: Plan = {
  environment: 'shop/local',
  kind: 'deploy',
  version: { version: '2.0.0', sha: 'abcdef0123456789' },
  previous: { version: '1.0.0', sha: '1234567' },
  change: 'compatible',
  pending: { main: ['add-notes'], logs: [] },
  downtime: 'about 6 s',
  unbuilt: ['runtime compose (systems/shop.yaml:9)'],
  warnings: ['drift: VERSION differs'],
  definition: 'd00d',
  hash: 'f00f',
  steps: [
    {
      name: 'preflight',
      is: 'check',
      title: 'what must hold',
      commands: ['variables: env PORT'],
      undo: [],
      changes: false,
    },
    { name: 'go', is: 'gate', title: 'people agree, by ops', commands: [], undo: [], changes: false },
    {
      name: 'window',
      is: 'step',
      title: 'maintenance window',
      commands: [],
      undo: [],
      changes: false,
      skip: 'the definition names no window',
    },
    { name: 'stop', is: 'step', title: '1.0.0 stops', commands: ['sh stop.sh'], undo: ['sh start.sh'], changes: true },
    {
      name: 'migrate',
      is: 'step',
      title: '1 pending',
      commands: ['npx sequelize db:migrate --url $DATABASE_URL'],
      undo: ['ALTER DATABASE a RENAME TO b', 'ALTER DATABASE c RENAME TO a'],
      changes: true,
    },
  ],
};

describe('a plan', () => {
  it('shows each step with its commands and undo, what it refuses, and how to start it', () => {
    expect(
      renderPlan(plan, startCommands({ kind: 'deploy', environment: 'shop/local', version: '2.0.0' }), plainStyle).join(
        '\n',
      ),
    ).toBe(
      `
deploy 2.0.0 (abcdef0) over 1.0.0 in shop/local
  change    compatible
  pending   main: add-notes
  downtime  about 6 s
  plan      f00f
! drift: VERSION differs
✖ not built yet, so deploy refuses: runtime compose (systems/shop.yaml:9)

 1. preflight  what must hold [check]
      - variables: env PORT
 2. go         people agree, by ops [gate]
 3. window     skipped: the definition names no window
 4. stop       1.0.0 stops [changes]
      $ sh stop.sh
      ↺ sh start.sh
 5. migrate    1 pending [changes]
      $ npx sequelize db:migrate --url $DATABASE_URL
      ↺ ALTER DATABASE a RENAME TO b
      ↺ ALTER DATABASE c RENAME TO a

taken back in this order: migrate, stop

start it
  slipway deploy shop/local 2.0.0
  temporal workflow start --type deploy --task-queue slipway --workflow-id shop/local --fail-existing --input '{"version":"2.0.0"}'`.slice(
        1,
      ),
    );
  });
});

describe('a command that starts a run', () => {
  it('is safe to paste, whatever the version is called', () => {
    const [own, temporal] = startCommands({ kind: 'deploy', environment: 'a/b', version: "it's" });
    expect(own).toBe(`slipway deploy a/b 'it'\\''s'`);
    expect(temporal).toContain(`--fail-existing --input '{"version":"it'\\''s"}'`);
  });
});

describe('marks and durations', () => {
  it('are ASCII where a locale says that it is not UTF-8', () => {
    expect(
      [{}, { LANG: 'C.UTF-8' }, { LANG: 'en_US.utf8' }, { LANG: 'C' }, { LANG: 'C.UTF-8', LC_ALL: 'POSIX' }].map(
        speaksUtf8,
      ),
    ).toEqual([true, true, true, false, false]);
    expect(styleFor(process.stdout, { LANG: 'C' }).mark('done')).toMatch(/\+/);
  });

  it.each([
    [-1, '0 ms'],
    [850, '850 ms'],
    [4200, '4.2 s'],
    [59_960, '1 m 00 s'],
    [65_000, '1 m 05 s'],
    [3_599_600, '1 h 00 m'],
    [7_800_000, '2 h 10 m'],
    [280_800_000, '3 d 6 h'],
  ])('%i ms are %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
