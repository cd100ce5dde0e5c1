import { didYouMean } from '../definition/nearest.js';
import { fail, failureType } from '../errors.js';
import type { Temporal } from '../lib/connection.js';
import { read } from './read.js';

export interface Known {
  environments: string[];
  errors: string[];
}

/** Every environment that the control workers know; undefined when none answers within 4 s. */
export async function listKnown(temporal: Temporal): Promise<Known | undefined> {
  try {
    return await read<Known>(temporal, 'environments', { withinMs: 4000 });
  } catch (error) {
    if (failureType(error) === 'Unreachable') return undefined;
    throw error;
  }
}

/** Throws Usage for an environment that is not known, naming the nearest. `false`: no control worker answered. */
export async function checkKnown(temporal: Temporal, environment: string): Promise<boolean> {
  const known = await listKnown(temporal);
  if (!known) return false;
  if (known.environments.includes(environment)) return true;
  const meant = didYouMean(environment, known.environments);
  const list = known.environments.length > 0 ? `; known: ${known.environments.join(', ')}` : '; none is known';
  const broken = known.errors[0] ? `; not loaded: ${known.errors[0]}` : '';
  throw fail('Usage', `there is no environment ${environment}${meant}${list}${broken}`);
}
