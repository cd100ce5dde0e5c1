import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fail } from '../errors.js';

/** The folder under which a host keeps all its records: never relative to the working directory. */
export function stateRoot(variables: NodeJS.ProcessEnv = process.env, isRoot = process.getuid?.() === 0): string {
  if (variables.SLIPWAY_STATE) return resolve(variables.SLIPWAY_STATE);
  if (isRoot) return '/var/lib/slipway';
  return join(variables.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'slipway');
}

/** Folder of one environment's records. Throws Usage for a name that is not `system/environment`. */
export function homeOf(environment: string, root = stateRoot()): string {
  if (!/^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/.test(environment)) {
    throw fail('Usage', `${JSON.stringify(environment)} is no environment: write system/environment`);
  }
  return join(root, environment);
}
