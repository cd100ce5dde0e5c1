// The last step of `npm run build`: the workflow bundle, made ahead so that a killed worker is back within a second.
import { writeFile } from 'node:fs/promises';
import { bundleWorkflows } from '../dist/lib/builds.js';

await writeFile(new URL('../dist/workflow-bundle.js', import.meta.url), await bundleWorkflows());
