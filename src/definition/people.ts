import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { fail } from '../errors.js';
import { explain } from './explain.js';
import { filled, list, object, text } from './words.js';
import { readTree, toPlain } from './tree.js';

const person = object({
  name: filled().describe('Full name, for the evidence'),
  roles: list(filled()).describe('What the person may decide: the roles that gates and checks ask for'),
  key: text('an SSH public key', /^(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-\S+|sk-\S+) [A-Za-z0-9+/=]+(?: .*)?$/)
    .describe('SSH public key that verifies signed approvals')
    .optional(),
});
/** `people.yaml`: who is who. */
export const peopleSchema = z
  .record(
    text('a short name such as ann', /^[A-Za-z0-9][A-Za-z0-9._@-]*$/),
    person.describe('The name that `by` carries'),
  )
  .meta({ title: 'Slipway: people and their roles' });
export type Person = z.infer<typeof person>;

/** The people of `people.yaml` beside the folder of definitions; none where there is no such file. Throws BadDefinition. */
export async function loadPeople(dir: string): Promise<Record<string, Person>> {
  const { people, errors } = await checkPeople(dir);
  if (errors.length > 0) throw fail('BadDefinition', errors.join('\n'));
  return people;
}

/** The same, with errors as lines. */
export async function checkPeople(dir: string): Promise<{ people: Record<string, Person>; errors: string[] }> {
  const path = join(dirname(resolve(dir)), 'people.yaml');
  const content = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw fail('BadDefinition', `people.yaml: expected a readable file, got ${error.code}`);
  });
  if (content === undefined) return { people: {}, errors: [] };
  const { tree, errors } = readTree(content, basename(path));
  if (!tree) return { people: {}, errors };
  const parsed = peopleSchema.safeParse(toPlain(tree));
  if (!parsed.success) errors.push(...explain(parsed.error.issues, tree, tree));
  return { people: parsed.data ?? {}, errors };
}
