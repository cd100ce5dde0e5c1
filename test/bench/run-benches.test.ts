import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runBenches } from '../../bench/lib/run-benches.js';

const folder = fileURLToPath(new URL('./benches', import.meta.url));

async function run(...argv: string[]) {
  let out = '';
  let err = '';
  const code = await runBenches({ folder, argv, out: (text) => void (out += text), err: (text) => void (err += text) });
  return { code, out, err, last: out.trimEnd().split('\n').at(-1) ?? '' };
}

describe('npm run bench', () => {
  it('shows the table of one bench, and what became of its goals', async () => {
    const { code, out } = await run('fake');
    expect(code).toBe(0);
    expect(out).toBe('a table\n✔ F1: at most 5; measured 3 rounds\n\n');
  });

  it('ends with one JSON object that has an entry per goal, with the table beside it', async () => {
    const { code, last, out, err } = await run('fake', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(last)).toEqual({ goals: [{ id: 'F1', goal: 'at most 5', value: 3, unit: 'rounds', met: true }] });
    expect(out.trimEnd().split('\n')).toHaveLength(1);
    expect(err).toContain('a table');
  });

  it('measures as many rounds as it is told, and says when a goal was missed without failing', async () => {
    const { code, last } = await run('--rounds', '7', '--json', 'fake');
    expect(code).toBe(0);
    expect(JSON.parse(last)).toMatchObject({ goals: [{ value: 7, met: false }] });
    expect((await run('fake', '--rounds', '7')).out).toContain('✖ F1');
  });

  it('runs all without a name, goes on after one that fails, and then ends with 1', async () => {
    const { code, last, err } = await run('--json');
    expect(code).toBe(1);
    expect(JSON.parse(last)).toMatchObject({ goals: [{ id: 'F1' }] });
    expect(err).toContain('other failed: Error: no server');
  });

  it.each([
    [['nope'], 'there is no bench nope'],
    [['fake', '--rounds', '0'], '--rounds takes a whole number above 0'],
    [['--rounds', 'many'], '--rounds takes a whole number above 0'],
    [['--fast'], "Unknown option '--fast'"],
  ])('refuses %j with 2, names the benches, and runs none', async (argv, reason) => {
    const { code, out, err } = await run(...argv);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toContain(reason);
    expect(err).toContain('the benches are fake, other');
  });
});
