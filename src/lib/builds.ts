import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import { writeAtomic } from './files.js';

/** One build of the workflows: PINNED runs finish on the build they began on, so each is kept under its id. */
export interface Build {
  id: string;
  codePath: string;
}

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const prebuilt = join(here, 'workflow-bundle.js');

/** This program's own build: made ahead by `npm run build`, or now where it runs from source. Kept under `<root>/builds`. */
export async function currentBuild(root: string): Promise<Build> {
  const code = existsSync(prebuilt) ? await readFile(prebuilt, 'utf8') : await bundleWorkflows();
  const id = createHash('sha256').update(code).digest('hex').slice(0, 12);
  const codePath = buildPath(root, id);
  if (!existsSync(codePath)) {
    await mkdir(dirname(codePath), { recursive: true });
    await writeAtomic(codePath, code, 0o644);
  }
  return { id, codePath };
}

/** An earlier build, if this machine still has it. */
export function keptBuild(root: string, id: string): Build | undefined {
  const codePath = buildPath(root, id);
  return existsSync(codePath) ? { id, codePath } : undefined;
}

/** Bundles the workflows of this source tree. */
export async function bundleWorkflows(): Promise<string> {
  const quiet = { trace() {}, debug() {}, info() {}, warn: console.warn, error: console.error, log() {} };
  const path = existsSync(join(here, 'workflows', 'index.ts'))
    ? join(here, 'workflows', 'index.ts')
    : join(here, 'workflows', 'index.js');
  return (await bundleWorkflowCode({ workflowsPath: path, logger: quiet })).code;
}

const buildPath = (root: string, id: string) => join(root, 'builds', `${id}.js`);
