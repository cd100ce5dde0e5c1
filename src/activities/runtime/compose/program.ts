import { runAttached } from '../../../lib/command.js';
import { findProgram } from '../../../lib/program.js';
import { Redactor } from '../../../lib/secret.js';
import type { Definition } from '../../../model.js';

/**
 * Names `docker-compose` in a definition that names no program, where that is all there is. Pinned with the definition, so that a run goes on with the
 * one that it began with.
 */
export async function withComposeProgram(definition: Definition): Promise<Definition> {
  const { compose } = definition.runtime;
  if (!compose || compose.program || !findProgram('docker-compose', process.env.PATH, '/')) return definition;
  if (await hasPlugin()) return definition;
  return { ...definition, runtime: { ...definition.runtime, compose: { ...compose, program: ['docker-compose'] } } };
}

async function hasPlugin(): Promise<boolean> {
  const { PATH = '', HOME = '/' } = process.env;
  const argv = ['docker', 'compose', 'version'];
  try {
    const spec = { argv, cwd: '/', env: { PATH, HOME }, deadlineMs: 10_000, redactor: new Redactor([]) };
    return (await runAttached(spec)).exitCode === 0;
  } catch {
    return false; // not even docker is here
  }
}
