import { accessSync, constants, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fail } from '../errors.js';

/** Where the program is that the child would run; undefined where there is none. A name with a slash is relative to `cwd`. */
export function findProgram(program: string, path: string | undefined, cwd: string): string | undefined {
  if (program.includes('/')) return isProgram(resolve(cwd, program)) ? resolve(cwd, program) : undefined;
  return (path ?? '/usr/local/bin:/usr/bin:/bin')
    .split(':')
    .map((folder) => resolve(cwd, join(folder || '.', program)))
    .find(isProgram);
}

/** Throws before anything was started: Usage for a folder that is not there, ToolMissing for a program that is not. */
export function checkProgram(argv: string[], path: string | undefined, cwd: string): void {
  const [program] = argv;
  if (!program) throw fail('Usage', 'a command has no program: give an argument list with at least one element');
  if (!statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) {
    throw fail('Usage', `${program} cannot run in ${cwd}: there is no such folder`);
  }
  if (findProgram(program, path, cwd) === undefined) {
    throw fail(
      'ToolMissing',
      `${program} is not on this host's PATH: install it, or add its folder to the worker's PATH`,
      { program },
    );
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
