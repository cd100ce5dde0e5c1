import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commands } from '../../src/client/commands.js';
import type { Cli } from '../../src/client/cli.js';
import { runCli } from '../../src/client/run-cli.js';
import { plainStyle } from '../../src/view/style.js';

async function run(args: string[], env: Record<string, string> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const cli: Cli = {
    out: (text) => void out.push(text),
    say: (text) => void err.push(text),
    live: () => undefined,
    moving: false,
    env,
    person: false,
    outStyle: plainStyle,
    sayStyle: plainStyle,
    interrupted: () => new AbortController().signal,
  };
  return { code: await runCli(args, cli), out: out.join('\n'), err: err.join('\n') };
}

describe('a mistake on the command line', () => {
  it.each([
    [['deploi', 'shop/local'], "usage: slipway COMMAND\nslipway: unknown command 'deploi' (Did you mean deploy?)"],
    [
      ['deploy', 'shop/local'],
      "usage: slipway deploy [options] <environment> <version>\nslipway: missing required argument 'version'",
    ],
    [
      ['deploy', 'shop', '1.0.0'],
      "usage: slipway deploy [options] <environment> <version>\nslipway: command-argument value 'shop' is invalid for argument 'environment'. Write system/environment, such as shop/local.",
    ],
    [
      ['deploy', 'shop/local', '1', 'x'],
      "usage: slipway deploy [options] <environment> <version>\nslipway: too many arguments for 'deploy'. Expected 2 arguments but got 3.",
    ],
    [
      ['deploy', 'shop/local', '1', '--change', 'big'],
      "usage: slipway deploy [options] <environment> <version>\nslipway: option '--change <kind>' argument 'big' is invalid. Allowed choices are none, compatible, breaking.",
    ],
    [
      ['status', '--jsn'],
      "usage: slipway status [options] [environment]\nslipway: unknown option '--jsn' (Did you mean --json?)",
    ],
    [
      ['approve', 'shop/local', 'go'],
      "usage: slipway approve [options] <environment> [gate]\nslipway: required option '--plan <code>' not specified: slipway status ENVIRONMENT shows it",
    ],
    [
      ['plan', 'shop/local'],
      'slipway: name the version: slipway plan shop/local VERSION, or slipway plan shop/local --rollback',
    ],
  ])('%j is told in one line, with exit 2', async (args, err) => {
    expect(await run(args)).toEqual({ code: 2, out: '', err });
  });
});

describe('help', () => {
  it('lists every command by group on stdout, with the exit codes', async () => {
    const { code, out, err } = await run(['--help']);
    for (const { usage, group } of commands) {
      expect(out).toMatch(new RegExp(`^ {2}${usage.split(' ')[0]} `, 'm'));
      expect(out).toContain(`\n${group}:\n`);
    }
    expect(out).toContain('Exit codes: 0 as asked;');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect((await run([])).out).toBe(out);
  });

  it.each(commands.map(({ usage, examples }) => [usage.split(' ')[0] ?? '', examples] as const))(
    'of %s shows its examples',
    async (name, examples) => {
      const { code, out } = await run([name, '--help']);
      for (const example of examples) expect(out).toContain(`  ${example}`);
      expect(code).toBe(0);
    },
  );

  it('starts every run with --fail-existing', () => {
    const starts = commands
      .flatMap(({ examples }) => examples)
      .filter((line) => line.includes('temporal workflow start'));
    expect(starts.length).toBeGreaterThan(1);
    for (const line of starts) expect(line).toContain('--fail-existing');
  });
});

describe('slipway validate', () => {
  it('needs no server: it passes this project’s own definitions, warnings on stderr', async () => {
    const { code, out, err } = await run(['validate', 'systems']);
    expect(out).toMatch(/^✔ systems\/\S+\.yaml: /m);
    expect(err).not.toContain('✖');
    expect(code).toBe(0);
  });

  it('tells each error at its place, with exit 2', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'slipway-validate-'));
    try {
      await writeFile(join(folder, 'shop.yaml'), 'system: shop\nenvironments: {}\nruntme: {}\n');
      const { code, err, out } = await run(['validate'], { SLIPWAY_SYSTEMS: folder });
      expect(err).toMatch(/^✖ \S+\/shop\.yaml:3:1 runtme: .*runtime/m);
      expect({ code, out }).toEqual({ code: 2, out: '' });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('names a folder that is not there, and one without a definition', async () => {
    expect(await run(['validate', '--systems', '/nowhere'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('there is no /nowhere') as string,
    });
    expect(await run(['validate', 'test/view'])).toMatchObject({
      code: 2,
      err: 'slipway: test/view holds no definition: their names end in .yaml',
    });
  });
});
