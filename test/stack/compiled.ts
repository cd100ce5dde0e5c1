import { cp, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached } from './cached.js';

const project = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Path of that module of the project as JavaScript, for a process that a test starts: under tsx each one spends three seconds of CPU more before its first
 * line, and a worker as much again on the bundle of its workflows. Made once for each state of the sources.
 */
export async function compiled(module: URL): Promise<string> {
  return join(await made(), relative(project, fileURLToPath(module)).replace(/\.ts$/, '.js'));
}

/** The workflows of this source tree, bundled: what a worker from `compiled` runs. */
export async function workflowBundle(): Promise<string> {
  return readFile(join(await made(), 'src', 'workflow-bundle.js'), 'utf8');
}

let folder: Promise<string> | undefined;
function made(): Promise<string> {
  folder ??= make();
  return folder;
}

async function make(): Promise<string> {
  const [src, test] = await Promise.all([filesOf('src'), filesOf('test')]);
  const helpers = test.filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'));
  const all = ['package-lock.json', ...src, ...helpers].map((file) => join(project, file));
  return cached('compiled', all, async (into) => {
    // Most test files come after the one that makes it, and need neither.
    const [{ build }, { bundleWorkflowCode, DefaultLogger }] = await Promise.all([
      import('esbuild'),
      import('@temporalio/worker'),
    ]);
    const entryPoints = all.filter((file) => file.endsWith('.ts'));
    await build({ entryPoints, outbase: project, outdir: into, format: 'esm', target: 'node20', logLevel: 'error' });
    for (const file of ['package.json', ...src.filter((one) => !one.endsWith('.ts'))])
      await cp(join(project, file), join(into, file));
    // Programs are looked for in the project's cache.
    await symlink('..', join(into, '.cache'));
    const workflowsPath = join(project, 'src', 'workflows', 'index.ts');
    const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
    await writeFile(join(into, 'src', 'workflow-bundle.js'), code);
  });
}

/** Relative to the project, in order. */
async function filesOf(root: string): Promise<string[]> {
  const entries = await readdir(join(project, root), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => relative(project, join(entry.parentPath, entry.name))).sort();
}
