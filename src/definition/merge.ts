import { told, type MapTree, type Tree } from './tree.js';
import { didYouMean } from './nearest.js';

/**
 * An environment's overrides laid over what the file says for all: maps merge, the rest replaces, `none` removes. Every part keeps
 * the place where it is written. `errors` gets a line for each `none` that removes nothing.
 */
export function merge(base: MapTree, over: MapTree, errors: string[]): MapTree {
  const entries = new Map(base.entries);
  for (const [name, value] of over.entries) {
    const old = entries.get(name);
    if (isNone(value) && !mayBeNone(value)) {
      if (!entries.delete(name)) {
        errors.push(
          told(
            value.key,
            'something to remove',
            `\`${name}\`, which is not there${didYouMean(name, base.entries.keys())}`,
          ),
        );
      }
    } else if (old?.is === 'map' && value.is === 'map') entries.set(name, merge(old, value, errors));
    else entries.set(name, value);
  }
  return { ...base, entries };
}

/** Whether a part says `none`. */
export function isNone(tree: Tree | undefined): boolean {
  return tree?.is === 'scalar' && tree.value === 'none';
}

/** `gates: { go: none }` says that nobody is asked, also where there is no such gate to remove. */
function mayBeNone(tree: Tree): boolean {
  return /\bgates\.[^.]+$/.test(tree.key.path);
}
