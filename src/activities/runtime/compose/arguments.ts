import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { projectOf } from '../../../definition/claims.js';
import { composeFilesIn } from '../../../definition/compose-files.js';
import { fail } from '../../../errors.js';
import type { Argv, Definition, Runtime } from '../../../model.js';

export type ComposeSettings = NonNullable<Runtime['compose']>;

export function composeOf({ environment, runtime }: Definition): ComposeSettings {
  if (!runtime.compose) throw fail('BadDefinition', `${environment}: runtime has no compose`);
  return runtime.compose;
}

export function projectName(definition: Definition): string {
  return composeOf(definition).project ?? projectOf(definition.directory);
}

/** v2 unless the definition says otherwise. */
export function composeProgram(definition: Definition): Argv {
  return composeOf(definition).program ?? ['docker', 'compose'];
}

/** Whether it is the docker client's own compose, which is always v2; a program of its own may be v1. */
export function isPlugin({ runtime }: Definition): boolean {
  return basename(runtime.compose?.program?.[0] ?? 'docker') === 'docker';
}

/** The files that compose reads, relative to the checkout. */
export function composeFiles(definition: Definition): string[] {
  return composeFilesIn(definition.directory, composeOf(definition));
}

/** Before the first release there may be none yet. */
export function hasFiles(definition: Definition): boolean {
  return composeFiles(definition).every((file) => existsSync(join(definition.directory, file)));
}

/**
 * `docker compose` with everything that says which project is meant, to be run in the checkout. Variables come from the environment of
 * the command alone: compose's own reading of an env file eats what follows a `$`. The program of v1 takes no `/dev/null` for one; there,
 * too, the environment wins.
 */
export function composeArgv(definition: Definition, override?: string): Argv {
  const { profiles = [] } = composeOf(definition);
  const program = composeProgram(definition);
  const files = [...composeFiles(definition), ...(override ? [override] : [])];
  return [
    ...program,
    ...['--project-name', projectName(definition), '--project-directory', '.'],
    ...(isPlugin(definition) ? ['--env-file', '/dev/null'] : []),
    ...files.flatMap((file) => ['--file', file]),
    ...profiles.flatMap((profile) => ['--profile', profile]),
  ];
}
