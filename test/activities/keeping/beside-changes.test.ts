import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { besideChanges } from '../../../src/activities/keeping/beside-changes.js';
import { markedChange, whileChanging } from '../../../src/lib/change-mark.js';
import { runDetached } from '../../../src/lib/command.js';
import { claim, close } from '../../../src/lib/journal.js';
import { definitionOf, stepContext, type TestStep } from '../step-context.js';

let home: string;
let context: TestStep;
const who = { run: 'r1', kind: 'deploy', environment: 'shop/test', namespace: 'default', workflowRunId: 'w1' } as const;
const at = (step: 'stop' | 'standby') => ({ step, undo: false, try: 1 });

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'slipway-beside-'));
  context = stepContext({ definition: definitionOf(home), folder: join(home, 'runs/b1'), home });
});
afterEach(() => rm(home, { recursive: true, force: true }));

describe('What runs beside a release', () => {
  it('goes on at once where nothing is changed, also while a release is open and waits', async () => {
    await claim(home, who, at('stop'));
    expect(await besideChanges(context, async () => 'done')).toBe('done');
    expect(context.lines).toEqual([]);
  });

  it('waits while a step changes something, and says which', async () => {
    let ended = false;
    const change = whileChanging(home, 'deploy r1 is at stop', () => wait(700).then(() => void (ended = true)));
    await wait(50);
    expect(await besideChanges(context, async () => ended)).toBe(true);
    await change;
    expect(context.lines[0]).toBe('waits while deploy r1 is at stop');
    expect(markedChange(home)).toBeUndefined();
  });

  it('waits for a command of the open run that outlives its worker', async () => {
    await claim(home, who, at('stop'));
    const spec = {
      argv: ['sleep', '1'],
      cwd: home,
      env: { PATH: process.env.PATH ?? '' },
      deadlineMs: 60_000,
      redactor: context.env.redactor,
    };
    const running = runDetached(join(home, 'runs/r1/commands/stop-1-stop'), spec);
    await wait(300);
    const began = Date.now();
    await besideChanges(context, async () => undefined);
    expect(Date.now() - began).toBeGreaterThan(300);
    expect(context.lines[0]).toBe('waits while stop-1-stop runs');
    await running;
  });

  it('does not wait for a change whose process died', async () => {
    const script = `import { whileChanging } from './src/lib/change-mark.ts'; void whileChanging(process.argv[1], 'deploy r1 is at stop', async () => { console.log('marked'); await new Promise((wake) => setTimeout(wake, 60_000)); });`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, home], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((marked) => child.stdout.once('data', marked));
    expect(markedChange(home)).toBe('deploy r1 is at stop');
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    expect(await besideChanges(context, async () => 'done')).toBe('done');
  });

  it('gives way to a change that begins meanwhile: its command is ended, and it begins again afterwards', async () => {
    let tries = 0;
    const work = besideChanges(context, async (own) => {
      tries += 1;
      if (tries === 1) await own.read({ argv: ['sleep', '60'] });
      return tries;
    });
    await wait(200);
    const began = Date.now();
    await whileChanging(home, 'deploy r1 is at stop', () => wait(900));
    expect(await work).toBe(2);
    expect(Date.now() - began).toBeLessThan(10_000);
    expect(context.lines).toContain('gave way to a change, and begins again');
  });

  it('begins again where a change came and went unseen', async () => {
    await claim(home, who, at('stop'));
    let tries = 0;
    const result = await besideChanges(context, async (_own, still) => {
      tries += 1;
      if (tries === 1) await claim(home, who, at('standby'));
      await still();
      return tries;
    });
    expect(result).toBe(2);
    await close(home, who);
  });

  it('is ended by a cancel while it waits', async () => {
    const cancel = new AbortController();
    await mkdir(join(home, 'changing'), { recursive: true });
    const change = whileChanging(home, 'deploy r1 is at stop', () => wait(1500));
    await wait(50);
    const { signal } = cancel;
    const work = besideChanges({ ...context, cancelled: signal, interrupted: signal }, async () => undefined);
    setTimeout(() => cancel.abort(), 200);
    await expect(work).rejects.toThrow('cancelled while it waited');
    await change;
    await writeFile(join(home, 'changing/odd.json'), 'no mark');
    expect(markedChange(home)).toBeUndefined();
  });
});
