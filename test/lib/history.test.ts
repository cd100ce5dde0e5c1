import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { appendHistory, currentEntry, readHistory } from '../../src/lib/history.js';
import type { HistoryEntry } from '../../src/model.js';
import { temporaryFolder } from './support.js';

function entryOf(run: string, more: Partial<HistoryEntry> = {}): HistoryEntry {
  return {
    run,
    kind: 'deploy',
    outcome: 'deployed',
    current: { version: run, sha: 'a'.repeat(40) },
    version: run,
    previous: null,
    startedAt: '2026-11-21T11:00:00.000Z',
    endedAt: '2026-11-21T11:05:00.000Z',
    by: 'ann',
    revisions: {},
    fingerprints: {},
    evidence: '',
    ...more,
  };
}

describe('the history', () => {
  it('is empty before the first run, and holds each run once', async () => {
    const home = join(temporaryFolder(), 'shop', 'production');
    expect(await readHistory(home)).toEqual([]);
    await appendHistory(home, entryOf('1'));
    await appendHistory(home, entryOf('2'));
    await appendHistory(home, entryOf('1', { reason: 'again' }));
    expect(await readHistory(home)).toEqual([entryOf('1'), entryOf('2')]);
  });

  it.each(['{"run":"2","ki', JSON.stringify(entryOf('2')), '{"run":\n'])(
    'leaves out a torn last line, and cuts it at the next append: %j',
    async (torn) => {
      const home = temporaryFolder();
      await appendHistory(home, entryOf('1'));
      appendFileSync(join(home, 'history.jsonl'), torn);
      expect((await readHistory(home)).map(({ run }) => run)).toEqual(['1']);
      await appendHistory(home, entryOf('2'));
      expect(readFileSync(join(home, 'history.jsonl'), 'utf8')).toBe(
        `${JSON.stringify(entryOf('1'))}\n${JSON.stringify(entryOf('2'))}\n`,
      );
    },
  );

  it('names the line that nobody can read', async () => {
    const home = temporaryFolder();
    writeFileSync(join(home, 'history.jsonl'), `x\n${JSON.stringify(entryOf('2'))}\n`);
    await expect(readHistory(home)).rejects.toMatchObject({
      type: 'Drift',
      message: expect.stringContaining('history.jsonl:1') as string,
    });
  });

  it('takes what runs now from the newest run that changed it', () => {
    const entries = [
      entryOf('1'),
      entryOf('2', { outcome: 'rolled-back', current: { version: '1', sha: 'b' } }),
      entryOf('3', { outcome: 'no-go' }),
      entryOf('4', { outcome: 'failed-unchanged' }),
    ];
    expect(currentEntry(entries)?.run).toBe('2');
    expect(currentEntry([...entries, entryOf('5', { outcome: 'stopped', current: null })])?.run).toBe('5');
    expect(currentEntry(entries.slice(2))).toBeUndefined();
  });
});
