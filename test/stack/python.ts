import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { baseImage } from './docker.js';

const run = promisify(execFile);
const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));
const cache = fileURLToPath(new URL('../../.cache/', import.meta.url));

/**
 * A folder with the packages of requirements.txt, for PYTHONPATH. Whoever comes first makes it; it takes its place whole, by a rename.
 */
export async function pythonPackages(): Promise<string> {
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const folder = join(cache, `python-${hash}`);
  if (existsSync(folder)) return folder;
  await mkdir(dirname(folder), { recursive: true });
  const making = await mkdtemp(`${folder}-`);
  try {
    const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps'];
    await run('python3', [...args, '--target', making, '--requirement', requirements]);
    await rename(making, folder).catch((error: NodeJS.ErrnoException) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  return folder;
}

/** An image with Python and the packages of requirements.txt, made once per engine. */
export async function pythonImage(): Promise<string> {
  const packages = await pythonPackages();
  const image = `slipway-base:${basename(packages)}`;
  const lines = `FROM ${baseImage}\nCOPY . /packages/\nENV PYTHONPATH=/packages\n`;
  const building = run('docker', ['build', '--quiet', '--tag', image, '--file', '-', packages]);
  building.child.stdin?.end(lines);
  await building;
  return image;
}
