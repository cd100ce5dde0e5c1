import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as wait } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { CommandSpec } from '../../src/lib/command.js';
import { Redactor, Secret } from '../../src/lib/secret.js';

const project = fileURLToPath(new URL('../..', import.meta.url));

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-lib-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Another process that runs `code` with everything of `src/lib/<module>` in scope as `lib`. */
export function otherProcess(module: string, code: string, ...args: string[]): ChildProcess {
  const source = `const lib = await import(${JSON.stringify(new URL(`../../src/lib/${module}`, import.meta.url).href)});
    const { Redactor } = await import(${JSON.stringify(new URL('../../src/lib/secret.ts', import.meta.url).href)});
    const args = process.argv.slice(1);
    ${code}`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source, '--', ...args], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** Its standard output, once it ended. */
export async function outputOf(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(child, 'close');
  return text;
}

export async function killHard(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

export async function until<T>(look: () => T | undefined | false, withinMs = 10_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const seen = look();
    if (seen) return seen;
    if (Date.now() > deadline) throw new Error(`not seen within ${withinMs} ms: ${String(look)}`);
    await wait(10);
  }
}

/** The number that a program wrote into the file; undefined until it is there. */
export function pidIn(path: string): number | undefined {
  try {
    return Number(/^(\d+)\n/.exec(readFileSync(path, 'utf8'))?.[1]) || undefined;
  } catch {
    return undefined;
  }
}

/** A pid that is gone or a zombie does not run. */
export function runs(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

export function commandIn(cwd: string, script: string, more: Partial<CommandSpec> = {}): CommandSpec {
  const env = { PATH: process.env.PATH ?? '', ...more.env };
  const redactor = new Redactor([new Secret('PASSWORD', 'correct-horse')]);
  return { argv: ['sh', '-c', script], cwd, deadlineMs: 30_000, redactor, ...more, env };
}
