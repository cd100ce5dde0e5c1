import type { Definition, Effect } from '../model.js';

/** What acts on the outside world, by name. Empty where the definition names nothing. */
export function effectsOf({ effects = {} }: Pick<Definition, 'effects'>): [name: string, effect: Effect][] {
  return Object.entries(effects);
}

/** Services that only the step `effects` starts. */
export function effectServices(definition: Pick<Definition, 'effects'>): string[] {
  return effectsOf(definition).flatMap(([, { services = [] }]) => services);
}
