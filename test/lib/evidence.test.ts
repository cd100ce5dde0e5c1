import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { EvidenceEntry } from '../../src/lib/evidence.js';
import { appendEvidence, evidenceHead, readEvidence, reserveSpace, verifyEvidence } from '../../src/lib/evidence.js';
import { hashOf } from '../../src/lib/files.js';
import { otherProcess, outputOf, temporaryFolder } from './support.js';

async function filled(entries = 6): Promise<string> {
  const folder = temporaryFolder();
  for (let n = 1; n <= entries; n += 1)
    await appendEvidence(folder, { id: `e${n}`, kind: 'step', data: { n, skipped: undefined } });
  return folder;
}

function change(folder: string, edit: (lines: string[]) => string[]): void {
  const path = join(folder, 'evidence.jsonl');
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  writeFileSync(path, `${edit(lines).join('\n')}\n`);
}

/** The line with another content and a hash that fits it. */
function forge(line = '', fields: Partial<EvidenceEntry>): string {
  const { hash: _, ...entry } = { ...(JSON.parse(line) as EvidenceEntry), ...fields };
  return JSON.stringify({ ...entry, hash: hashOf(entry) });
}

describe('appendEvidence', () => {
  it('chains its entries, numbers them from 1, and returns the head', async () => {
    const folder = temporaryFolder();
    const first = await appendEvidence(folder, {
      id: 'a',
      kind: 'step',
      at: '2026-11-21T00:00:00.000Z',
      data: { ä: 1 },
    });
    const second = await appendEvidence(folder, { id: 'b', kind: 'step', data: {} });
    const entries = await readEvidence(folder);
    expect(entries.map(({ seq, id, prev, hash }) => ({ seq, id, prev, hash }))).toEqual([
      { seq: 1, id: 'a', prev: '', hash: first },
      { seq: 2, id: 'b', prev: first, hash: second },
    ]);
    expect(entries[0]).toMatchObject({ kind: 'step', at: '2026-11-21T00:00:00.000Z', data: { ä: 1 } });
    expect(await evidenceHead(folder)).toBe(second);
    expect(await verifyEvidence(folder, second)).toEqual({ ok: true, entries: 2, head: second });
    expect(statSync(join(folder, 'evidence.jsonl')).mode & 0o777).toBe(0o600);
  });

  it('does nothing for an id that is there, whoever wrote it', async () => {
    const folder = await filled(3);
    const head = await evidenceHead(folder);
    expect(await appendEvidence(folder, { id: 'e2', kind: 'other', data: {} })).toBe(head);
    const code = `console.log(await lib.appendEvidence(args[0], { id: 'e1', kind: 'x', data: {} }))`;
    expect((await outputOf(otherProcess('evidence.ts', code, folder))).trim()).toBe(head);
    expect(await readEvidence(folder)).toHaveLength(3);
  });

  it('keeps one whole chain when two processes append fifty entries each at once', async () => {
    const folder = temporaryFolder();
    const code = `await Promise.all(Array.from({ length: 50 }, (_, n) => lib.appendEvidence(args[0], { id: args[1] + n, kind: 'x', data: { n } })))`;
    await Promise.all(['a', 'b'].map((name) => outputOf(otherProcess('evidence.ts', code, folder, name))));
    expect(await verifyEvidence(folder)).toMatchObject({ ok: true, entries: 100 });
    expect(new Set((await readEvidence(folder)).map(({ id }) => id)).size).toBe(100);
    await appendEvidence(folder, { id: 'after', kind: 'x', data: {} });
    expect(await verifyEvidence(folder)).toMatchObject({ ok: true, entries: 101 });
  });

  it.each([
    ['has no newline', (line: string) => line.slice(0, 20)],
    ['has only lost its newline', (line: string) => line],
    ['is not readable', () => '{"seq":4,\0\0\0\n'],
  ])('cuts a last line that %s, keeps it apart, and notes it', async (_, tear) => {
    const folder = await filled(3);
    const torn = tear(forge(readFileSync(join(folder, 'evidence.jsonl'), 'utf8').split('\n')[2], { seq: 4, id: 'e4' }));
    appendFileSync(join(folder, 'evidence.jsonl'), torn);
    expect(await verifyEvidence(folder)).toMatchObject({ ok: false, entry: 4 });
    await appendEvidence(folder, { id: 'e4', kind: 'step', data: {} });
    expect((await readEvidence(folder)).map(({ id, kind }) => `${id} ${kind}`).slice(3)).toEqual([
      'torn-1 torn-tail',
      'e4 step',
    ]);
    expect(readFileSync(join(folder, 'evidence.torn-1'), 'utf8')).toBe(torn);
    expect(await verifyEvidence(folder)).toMatchObject({ ok: true, entries: 5 });
    appendFileSync(join(folder, 'evidence.jsonl'), 'x');
    await appendEvidence(folder, { id: 'e5', kind: 'step', data: {} });
    expect((await readEvidence(folder)).map(({ id }) => id).slice(4)).toEqual(['e4', 'torn-2', 'e5']);
  });

  it('starts anew where the very first line was torn', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'evidence.jsonl'), '{"se');
    await appendEvidence(folder, { id: 'a', kind: 'x', data: {} });
    expect((await readEvidence(folder)).map(({ id }) => id)).toEqual(['torn-1', 'a']);
  });
});

describe('a full disk', () => {
  it('is named when nothing helps, and the reserve was given up for it', async () => {
    const folder = temporaryFolder();
    await reserveSpace(folder, 4096);
    symlinkSync('/dev/full', join(folder, 'evidence.jsonl'));
    await expect(appendEvidence(folder, { id: 'a', kind: 'x', data: {} })).rejects.toMatchObject({
      type: 'EvidenceUnwritable',
      message: expect.stringContaining(join(folder, 'evidence.jsonl')) as string,
    });
    expect(existsSync(join(folder, 'evidence.reserve'))).toBe(false);
  });

  it.skipIf(!canMount())('takes entries all the same, in the room that was reserved', async () => {
    const folder = temporaryFolder();
    mount(folder);
    await reserveSpace(folder, 128 * 1024);
    await appendEvidence(folder, { id: 'before', kind: 'x', data: {} });
    expect(() => writeFileSync(join(folder, 'filler'), Buffer.alloc(1 << 20))).toThrow('ENOSPC');
    for (let n = 0; n < 10; n += 1)
      await appendEvidence(folder, { id: `${n}`, kind: 'x', data: { text: 'x'.repeat(3_000) } });
    expect(existsSync(join(folder, 'evidence.reserve'))).toBe(false);
    expect(await verifyEvidence(folder)).toMatchObject({ ok: true, entries: 11 });
  });
});

describe('verifyEvidence', () => {
  it.each<[string, number, (lines: string[]) => string[]]>([
    ['a changed field', 3, (lines) => lines.with(2, lines[2]?.replace('"n":3', '"n":9') ?? '')],
    ['a changed entry with a new hash', 3, (lines) => lines.with(2, forge(lines[2], { data: { n: 9 } }))],
    ['a changed first entry with a new hash', 1, (lines) => lines.with(0, forge(lines[0], { data: { n: 9 } }))],
    ['an unreadable entry', 4, (lines) => lines.with(3, 'x')],
    ['a dropped entry', 3, (lines) => lines.toSpliced(2, 1)],
    ['a dropped first entry', 1, (lines) => lines.slice(1)],
    [
      'an inserted entry',
      4,
      (lines) => lines.toSpliced(3, 0, JSON.stringify({ ...(JSON.parse(lines[3] ?? '') as object), id: 'new' })),
    ],
    ['an inserted entry that is sound in itself', 4, (lines) => lines.toSpliced(3, 0, forge(lines[3], { id: 'new' }))],
    ['an entry that stands there twice', 2, (lines) => lines.toSpliced(4, 0, lines[1] ?? '')],
    ["two entries in each other's place", 4, (lines) => lines.with(3, lines[4] ?? '').with(4, lines[3] ?? '')],
  ])('names the entry of %s', async (_, entry, edit) => {
    const folder = await filled();
    change(folder, edit);
    const verdict = await verifyEvidence(folder);
    expect(verdict).toMatchObject({ ok: false, entry });
    expect(!verdict.ok && verdict.problem).toContain(`entry ${entry}`);
  });

  it('sees a changed last entry, a cut and an added one by the head noted elsewhere', async () => {
    const folder = await filled();
    const head = await evidenceHead(folder);
    const whole = readFileSync(join(folder, 'evidence.jsonl'));
    change(folder, (lines) => lines.slice(0, 4));
    expect(await verifyEvidence(folder)).toMatchObject({ ok: true, entries: 4 });
    expect(await verifyEvidence(folder, head)).toMatchObject({ ok: false, entry: 5 });
    writeFileSync(join(folder, 'evidence.jsonl'), whole);
    expect(await verifyEvidence(folder, head)).toMatchObject({ ok: true });
    await appendEvidence(folder, { id: 'more', kind: 'x', data: {} });
    expect(await verifyEvidence(folder, head)).toMatchObject({ ok: false, entry: 7 });
  });

  it('sees that all of it is gone', async () => {
    expect(await verifyEvidence(temporaryFolder(), 'some head')).toMatchObject({ ok: false, entry: 1 });
    expect(await verifyEvidence(temporaryFolder())).toEqual({ ok: true, entries: 0, head: '' });
  });
});

function mount(folder: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder], { stdio: 'ignore' });
  onTestFinished(() => void execFileSync('umount', ['-l', folder]));
}

function canMount(): boolean {
  try {
    execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
