// Runs in a thread of its own, which its starter ends at a deadline: a pattern may backtrack for ever.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';

const LARGEST = 5 * 1024 * 1024;
const MOST = 5000;
const unsearched = new Set(['.git', 'node_modules', '.venv', '__pycache__']);
const { directory, paths, pattern } = workerData;
const expression = new RegExp(pattern, 'u');
const hits = [];
const skipped = [];
let files = 0;

function visit(path) {
  const found = statSync(path);
  if (found.isFile()) return searchFile(path, found.size);
  for (const entry of readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const below = join(path, entry.name);
    if (entry.isDirectory() && !unsearched.has(entry.name)) visit(below);
    if (entry.isFile()) searchFile(below, statSync(below).size);
  }
}

function searchFile(path, size) {
  const file = relative(directory, path);
  parentPort.postMessage({ at: file });
  if (size > LARGEST) return void skipped.push(file);
  const text = readFileSync(path, 'utf8');
  if (text.slice(0, 8192).includes('\0')) return;
  files += 1;
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (!expression.test(line)) continue;
    if (hits.length === MOST) throw new Error(`there are more than ${MOST} hits: make the pattern narrower`);
    hits.push({ file, line: i + 1, text: line.trim() });
  }
}

for (const path of paths) visit(join(directory, path));
parentPort.postMessage({ hits, skipped, files });
