import type { CheckedEnvironment, DefinitionFile } from './file.js';
import { find, placed } from './tree.js';
import type { Person } from './people.js';

/** Lines for what is allowed, but should be known: a production without a second place for backups, gates that nobody can answer. */
export function cautions(
  name: string,
  file: DefinitionFile,
  checked: CheckedEnvironment,
  people: Record<string, Person>,
): string[] {
  const warnings: string[] = [];
  if (name === 'production' && !checked.input?.backup?.copy_to) {
    warnings.push(
      `${placed(file.environments.get(name)!.key)}: backup.copy_to is not set, so a lost disk takes all backups with it`,
    );
  }
  const held = new Set(Object.values(people).flatMap((person) => person.roles));
  for (const [gate, rules] of Object.entries(checked.input?.gates ?? {})) {
    if (!rules || rules === 'none' || !rules.roles || rules.roles.some((role) => held.has(role))) continue;
    const at = find(checked.tree, ['gates', gate, 'roles'])!.key;
    warnings.push(
      `${placed(at)}: nobody in people.yaml has the role ${rules.roles.join(' or ')}, so nobody can answer the gate`,
    );
  }
  return warnings;
}
