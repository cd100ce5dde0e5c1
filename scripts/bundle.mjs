// The last step of `npm run build`: what tsc leaves out, and the workflow bundle, made ahead so that a killed worker is back within a second.
import { copyFile, writeFile } from 'node:fs/promises';
import { bundleWorkflows } from '../dist/lib/builds.js';

const files = [
  'activities/data/sqlite/sqlite.py',
  'activities/data/files/tree.py',
  'activities/checks/search-thread.mjs',
];
for (const file of files)
  await copyFile(new URL(`../src/${file}`, import.meta.url), new URL(`../dist/${file}`, import.meta.url));
await writeFile(new URL('../dist/workflow-bundle.js', import.meta.url), await bundleWorkflows());
