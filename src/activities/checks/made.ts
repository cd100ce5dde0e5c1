import type { FlowStep } from '../../model.js';
import { onlyReads } from './request.js';
import { isSecretKey, showValue } from './shown.js';
import type { Scope } from './values.js';

/**
 * What steps of a flow made, by the ids that they saved, and whether it was removed: `made by POST /jobs: id 17, removed`. A step that
 * saves a token signs in, and makes nothing. Empty where nothing is known to be made.
 */
export function listMade(done: FlowStep[], all: FlowStep[], removed: FlowStep[], scope: Scope): string[] {
  const { env, facts, saved = {} } = scope;
  const credentials = JSON.stringify(all.map(({ bearer, headers, basic }) => [bearer, headers, basic]));
  const isCredential = (name: string) => isSecretKey(name) || credentials.includes(`{${name}}`);
  const isRemoved = (name: string) => removed.some((step) => JSON.stringify(step).includes(`{${name}}`));
  return done
    .filter(({ http, save = {} }) => !onlyReads(http) && !Object.keys(save).some(isCredential))
    .flatMap(({ http, save = {} }) => {
      const names = Object.keys(save).filter((name) => saved[name] !== undefined);
      const ids = names.map((name) => `${name} ${showValue(saved[name], { env, facts }, name)}`);
      return ids.length
        ? [`made by ${http}: ${ids.join(', ')}, ${names.some(isRemoved) ? 'removed' : 'left there'}`]
        : [];
    });
}
