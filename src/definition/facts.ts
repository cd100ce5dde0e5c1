import { didYouMean } from './nearest.js';
import { find, told, type MapTree, type Tree } from './tree.js';

/** What a run knows and `{name}` stands for, in any text of a definition. */
export const facts = ['version', 'sha', 'url', 'domain', 'date', 'timestamp', 'run'] as const;
/** What is known besides when `notes` are written. */
export const noteFacts = ['outcome', 'approvers', 'backup'] as const;

/** A line for each `{name}` that nobody fills. In a flow also what its earlier requests saved counts. */
export function unknownFacts(tree: MapTree): string[] {
  const errors: string[] = [];
  for (const [name, part] of tree.entries) {
    if (name === 'preflight' || name === 'verify') checks(part);
    else scan(part, name === 'notes' ? [...facts, ...noteFacts] : facts);
  }
  return errors;

  function checks(phase: Tree): void {
    for (const check of phase.is === 'map' ? phase.entries.values() : []) {
      if (check.is !== 'map') continue;
      const known: string[] = [...facts];
      for (const [key, part] of check.entries) if (key !== 'flow' && key !== 'finally') scan(part, known, key);
      for (const key of ['flow', 'finally']) {
        const steps = check.entries.get(key);
        for (const step of steps?.is === 'list' ? steps.items : []) {
          scan(step, known);
          const saved = find(step, ['save']);
          if (saved?.is === 'map') known.push(...saved.entries.keys());
        }
      }
    }
  }

  /** Regular expressions have braces of their own. */
  function scan(part: Tree, known: readonly string[], key = ''): void {
    if (key === 'search' || key === 'matches') return;
    if (part.is === 'map') for (const [name, below] of part.entries) scan(below, known, name);
    if (part.is === 'list') for (const item of part.items) scan(item, known);
    if (part.is !== 'scalar' || typeof part.value !== 'string') return;
    for (const [, name] of part.value.matchAll(/(?<!\{)\{([A-Za-z_]\w*)\}(?!\})/g)) {
      if (known.includes(name!)) continue;
      errors.push(told(part.at, `one of {${known.join('}, {')}}`, `\`{${name}}\`${didYouMean(name!, known)}`));
    }
  }
}
