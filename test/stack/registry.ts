import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { describeWithDocker } from './docker.js';

const hasRegistry =
  Boolean(process.env.SLIPWAY_NEEDS_DOCKER) || spawnSync('docker-registry', ['--version']).status === 0;
if (!hasRegistry) console.warn('tests with a registry are left out: install docker-registry');

/** Tests that need a registry beside the engine: skipped without one, unless SLIPWAY_NEEDS_DOCKER says that both have to be there. */
export const describeWithRegistry = hasRegistry ? describeWithDocker : describe.skip;

/** A registry of the test's own on a loopback port, which the engine trusts; only what a registry answered has a digest. */
export async function startRegistry(): Promise<{ host: string; stop: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-registry-'));
  const port = await freePort();
  const config = [
    'version: 0.1',
    'log: { level: error }',
    `storage: { filesystem: { rootdirectory: ${folder}/data }, delete: { enabled: true } }`,
    `http: { addr: "127.0.0.1:${port}" }`,
  ];
  writeFileSync(join(folder, 'config.yml'), config.join('\n'));
  const server = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: 'ignore' });
  const host = `127.0.0.1:${port}`;
  const stop = () => {
    server.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  for (let tries = 0; tries < 300; tries++) {
    if (
      await fetch(`http://${host}/v2/`).then(
        (answer) => answer.ok,
        () => false,
      )
    )
      return { host, stop };
    await new Promise((wake) => setTimeout(wake, 50));
  }
  stop();
  throw new Error('docker-registry did not answer within 15 s');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((ready) => server.once('listening', ready));
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}
