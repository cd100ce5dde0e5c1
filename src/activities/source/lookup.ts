import { fail } from '../../errors.js';
import type { Definition } from '../../model.js';
import type { Source } from './contract.js';
import { git } from './git.js';
import { images } from './images/images.js';

/** Where the environment's versions come from. Throws BadDefinition where it says nothing of that. */
export function source(definition: Definition): Source {
  if (definition.source.images) return images;
  if (definition.source.git) return git;
  const where = definition.positions.source ?? definition.environment;
  throw fail('BadDefinition', `${where}: versions come from nowhere: name source.git, source.images or both`);
}
