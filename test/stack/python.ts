import { execFile } from 'node:child_process';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cached } from './cached.js';
import { baseImage } from './docker.js';

const run = promisify(execFile);
const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));

/** A folder with the packages of requirements.txt, for PYTHONPATH. */
export function pythonPackages(): Promise<string> {
  return cached('python', [requirements], async (folder) => {
    const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps'];
    await run('python3', [...args, '--target', folder, '--requirement', requirements]);
  });
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
