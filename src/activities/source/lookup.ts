import { fail } from '../../errors.js';
import type { Definition } from '../../model.js';
import type { Source } from './contract.js';
import { git } from './git.js';

/** Where the environment's versions come from. Throws NotBuilt for a kind that this build does not have. */
export function source(definition: Definition): Source {
  const { images } = definition.source;
  if (definition.source.git && !images) return git;
  const where = definition.positions[images ? 'source.images' : 'source'] ?? definition.environment;
  throw fail(
    'NotBuilt',
    `${where}: source ${images ? 'images' : 'without git'} is not built into this Slipway; git is`,
  );
}
