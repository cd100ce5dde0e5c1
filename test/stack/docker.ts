import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { describe } from 'vitest';

/** Debian with Python: what every image of the tests is made from, since no registry can be counted on. */
export const baseImage = 'slipway-base:bookworm';

/** Whether an engine, compose and the base image are there. */
export const dockerWorks = answers();
if (!dockerWorks && process.env.SLIPWAY_NEEDS_DOCKER)
  throw new Error(
    'SLIPWAY_NEEDS_DOCKER is set, but no docker engine with compose and the base image answers: node scripts/docker-engine.mjs',
  );
if (!dockerWorks)
  console.warn(
    'tests with docker are left out: no engine with compose and the base image answers (node scripts/docker-engine.mjs)',
  );

/** Tests that need a real engine; without one they are skipped, unless SLIPWAY_NEEDS_DOCKER says that there has to be one. */
export const describeWithDocker = dockerWorks ? describe : describe.skip;

/** What docker prints. Throws where it fails. */
export function docker(...argv: string[]): string {
  const { status, stdout, stderr } = spawnSync('docker', argv, { encoding: 'utf8', maxBuffer: 64 * 2 ** 20 });
  if (status !== 0) throw new Error(`docker ${argv.join(' ')}: ${stderr}`);
  return stdout.trim();
}

/** A name that no other test has, for projects, containers, volumes and images. */
export function uniqueName(): string {
  return `slipway-test-${randomBytes(4).toString('hex')}`;
}

/** Removes every container, volume, network and image whose name, project or tag begins with it. */
export function removeAll(name: string): void {
  const list = (...argv: string[]) =>
    docker(...argv)
      .split('\n')
      .filter(Boolean);
  const project = ['--filter', `label=com.docker.compose.project=${name}`];
  const containers = [
    ...list('ps', '--all', '--quiet', ...project),
    ...list('ps', '--all', '--quiet', '--filter', `name=${name}`),
  ];
  if (containers.length > 0) docker('rm', '--force', '--volumes', ...new Set(containers));
  const volumes = [
    ...list('volume', 'ls', '--quiet', ...project),
    ...list('volume', 'ls', '--quiet', '--filter', `name=${name}`),
  ];
  if (volumes.length > 0) docker('volume', 'rm', '--force', ...new Set(volumes));
  const networks = list('network', 'ls', '--quiet', ...project);
  if (networks.length > 0) docker('network', 'rm', ...networks);
  const images = list('images', '--format', '{{.Repository}}:{{.Tag}}').filter((tag) => tag.includes(name));
  if (images.length > 0) docker('rmi', '--force', ...images);
}

function answers(): boolean {
  return [['version'], ['compose', 'version'], ['image', 'inspect', baseImage]].every(
    (argv) => spawnSync('docker', argv, { stdio: 'ignore' }).status === 0,
  );
}
