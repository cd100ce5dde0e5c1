import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Claimant } from '../../src/lib/journal.js';
import { claim, close, holds, readJournal, takeOver } from '../../src/lib/journal.js';
import type { At } from '../../src/model.js';
import { otherProcess, outputOf, temporaryFolder } from './support.js';

const stop: At = { step: 'stop', undo: false, try: 1 };
const migrate: At = { step: 'migrate', undo: false, try: 2 };

function runOf(n: number, more: Partial<Claimant> = {}): Claimant {
  return {
    run: `run-${n}`,
    kind: 'deploy',
    environment: 'shop/production',
    namespace: 'default',
    workflowRunId: `w-${n}`,
    ...more,
  };
}

const fenced = {
  type: 'Fenced',
  message:
    'shop/production is held by run run-1 (deploy), last seen at migrate: only `slipway recover shop/production` may touch it',
};

describe('the journal', () => {
  it('is opened by the first claim, and notes how far its run came', async () => {
    const home = join(temporaryFolder(), 'shop', 'production');
    const opened = await claim(home, runOf(1), stop);
    expect(opened).toMatchObject({ ...runOf(1), token: 1, last: stop });
    const next = await claim(home, runOf(1), migrate);
    expect(next).toMatchObject({ token: 1, claimedAt: opened.claimedAt, last: migrate });
    expect(await readJournal(home)).toEqual(next);
    expect(await holds(home, runOf(1))).toEqual(next);
  });

  it('falls back to the step of its opening where a power cut tore the note of a later one', async () => {
    const home = temporaryFolder();
    await claim(home, runOf(1), stop);
    await claim(home, runOf(1), migrate);
    writeFileSync(join(home, 'journal.last'), '{"token":1,"last":{"ste');
    expect(await readJournal(home)).toMatchObject({ ...runOf(1), last: stop });
    await claim(home, runOf(1), migrate);
    expect(await readJournal(home)).toMatchObject({ last: migrate });
  });

  it.each([
    ['another run', runOf(2)],
    ['the same run after a reset', runOf(1, { workflowRunId: 'w-1-again' })],
    ['the same run id in another namespace', runOf(1, { namespace: 'staging' })],
    ['a recover that did not take it over', runOf(2, { kind: 'recover' })],
  ])('fences %s', async (_, other) => {
    const home = temporaryFolder();
    await claim(home, runOf(1), migrate);
    const before = readFileSync(join(home, 'journal.json'), 'utf8');
    await expect(claim(home, other, stop)).rejects.toMatchObject(fenced);
    await expect(holds(home, other)).rejects.toMatchObject(fenced);
    await expect(close(home, other)).rejects.toMatchObject(fenced);
    expect(readFileSync(join(home, 'journal.json'), 'utf8')).toBe(before);
  });

  it('is closed by its owner, twice without harm, and what it was is kept', async () => {
    const home = temporaryFolder();
    await claim(home, runOf(1), stop);
    await close(home, runOf(1));
    await close(home, runOf(1));
    expect(await readJournal(home)).toBeUndefined();
    expect(JSON.parse(readFileSync(join(home, 'journal.closed.json'), 'utf8'))).toMatchObject(runOf(1));
    await expect(holds(home, runOf(1))).rejects.toMatchObject({ type: 'Fenced' });
  });

  it('gives each claim a greater token, also when one of the files with the last is lost', async () => {
    const home = temporaryFolder();
    for (const n of [1, 2, 3]) {
      expect((await claim(home, runOf(n), stop)).token).toBe(n);
      await close(home, runOf(n));
    }
    rmSync(join(home, 'token'));
    expect((await claim(home, runOf(4), stop)).token).toBe(4);
    await close(home, runOf(4));
    rmSync(join(home, 'journal.closed.json'));
    expect((await claim(home, runOf(5), stop)).token).toBe(5);
  });

  it('takes no run for the owner of a journal that is unreadable', async () => {
    const home = temporaryFolder();
    writeFileSync(join(home, 'journal.json'), '');
    await expect(claim(home, runOf(1), stop)).rejects.toMatchObject({ type: 'Fenced' });
    await expect(holds(home, runOf(1))).rejects.toMatchObject({ type: 'Fenced' });
  });

  it('is given to one of several processes that claim it at once', async () => {
    const home = temporaryFolder();
    const code = `
      const who = { run: args[1], kind: 'deploy', environment: 'a/b', namespace: 'default', workflowRunId: args[1] };
      try { console.log('token', (await lib.claim(args[0], who, { step: 'stop', undo: false, try: 1 })).token); }
      catch (error) { console.log(error.type); }`;
    const seen = await Promise.all([1, 2, 3, 4].map((n) => outputOf(otherProcess('journal.ts', code, home, `r${n}`))));
    expect(seen.map((text) => text.trim()).sort()).toEqual(['Fenced', 'Fenced', 'Fenced', 'token 1']);
  });

  it('fences the run that it was taken from by recover', async () => {
    const home = temporaryFolder();
    const recover = runOf(2, { kind: 'recover' });
    await claim(home, runOf(1), migrate);
    expect(await takeOver(home, recover, stop)).toMatchObject({ run: 'run-2', token: 2 });
    expect(await takeOver(home, recover, stop)).toMatchObject({ run: 'run-2', token: 2 });
    await expect(holds(home, runOf(1))).rejects.toMatchObject({ type: 'Fenced' });
    await expect(claim(home, runOf(1), stop)).rejects.toMatchObject({ type: 'Fenced' });
    expect(existsSync(join(home, 'journal.taken-over.json'))).toBe(true);
  });
});
