// Measures what the project promises about its speed: `npm run bench`, `npm run bench -- NAME`, with `--json` for programs.
import { fileURLToPath } from 'node:url';
import { runBenches } from './lib/run-benches.js';

process.exitCode = await runBenches({
  folder: fileURLToPath(new URL('.', import.meta.url)),
  argv: process.argv.slice(2),
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
});
