import { loadDefinition } from '../definition/load.js';
import type { Definition } from '../model.js';
import type { Host } from './host.js';
import { withComposeProgram } from './runtime/compose/program.js';

/** The definition as it is now, with what it leaves to the host. Throws BadDefinition, Usage. */
export async function loadHere({ systems }: Host, environment: string): Promise<Definition> {
  return withComposeProgram(await loadDefinition(systems, environment));
}
