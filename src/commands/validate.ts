import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { validateFile } from '../definition/load.js';
import { fail } from '../errors.js';
import { exits } from '../exit-codes.js';
import { outJson, type Cli } from '../client/cli.js';
import { systemsFolder } from '../client/systems-folder.js';

export interface ValidateRequest {
  files: string[];
  systems?: string;
  json?: boolean;
}

/** Checks definitions, with every error at its place. Needs no server. */
export async function validate(cli: Cli, request: ValidateRequest): Promise<number> {
  const given = request.files.length > 0 ? request.files : [systemsFolder(request.systems, cli.env)];
  const files = (await Promise.all(given.map(expand))).flat();
  const results = [];
  for (const file of files) results.push({ file, ...(await validateFile(file)) });
  if (request.json) outJson(cli, results);
  for (const { file, environments, errors, warnings } of results) {
    for (const line of errors) cli.say(`${cli.sayStyle.mark('failed')} ${line}`);
    for (const line of warnings) cli.say(`${cli.sayStyle.mark('note')} ${line}`);
    if (errors.length === 0 && !request.json)
      cli.out(`${cli.outStyle.mark('done')} ${file}: ${environments.join(', ')}`);
  }
  return results.some(({ errors }) => errors.length > 0) ? exits.usage : exits.asked;
}

async function expand(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw fail('Usage', `there is no ${path}: name a definition, or a folder of them, such as systems/`);
  if (!found.isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => name.endsWith('.yaml')).sort();
  if (names.length === 0) throw fail('Usage', `${path} holds no definition: their names end in .yaml`);
  return names.map((name) => join(path, name));
}
