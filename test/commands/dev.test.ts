import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freePort } from '../../src/lib/server-process.js';
import { compiled } from '../stack/compiled.js';
import { inSystems, shop } from '../definition/fixture.js';

const program = [process.execPath, await compiled(new URL('../../src/client.ts', import.meta.url))];

it('slipway dev gives a server, its UI and a worker, by which the other commands work; Ctrl-C ends them all', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-dev-'));
  const [port, uiPort] = [await freePort(), await freePort()];
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: folder,
    SLIPWAY_STATE: join(folder, 'state'),
    TEMPORAL_ADDRESS: `127.0.0.1:${port}`,
  };
  const children: ChildProcess[] = [];
  try {
    await inSystems({ 'shop.yaml': shop }, async (systems) => {
      const dev = start(['dev', '--port', `${port}`, '--ui-port', `${uiPort}`, '--systems', systems], env);
      children.push(dev.child);
      await dev.says(/worker on localhost at 127\.0\.0\.1:\d+: serves shop\/production, and workflows/);
      expect(dev.text()).toContain(`its UI at http://127.0.0.1:${uiPort}`);
      expect(dev.text()).toContain(`export TEMPORAL_ADDRESS=127.0.0.1:${port}`);
      expect((await fetch(`http://127.0.0.1:${uiPort}`)).ok).toBe(true);

      const [status, second] = [start(['status', '--json'], env), start(['dev', '--port', `${port}`], env)];
      expect(await status.code).toBe(0);
      expect(JSON.parse(status.text())).toMatchObject([
        { environment: 'shop/production', state: 'empty', host: { host: 'localhost' } },
      ]);
      expect([await second.code, second.text()]).toEqual([1, expect.stringContaining(`port ${port} is taken`)]);

      dev.child.kill('SIGINT');
      expect(await dev.code).toBe(0);
      await expect(fetch(`http://127.0.0.1:${uiPort}`)).rejects.toThrow();
    });
  } finally {
    children.forEach((child) => child.kill('SIGKILL'));
    await rm(folder, { recursive: true, force: true });
  }
});

function start(args: string[], env: Record<string, string>) {
  const [node = '', ...before] = program;
  const child = spawn(node, [...before, ...args], { env, cwd: env.HOME });
  let output = '';
  const listen = (chunk: Buffer) => void (output += chunk.toString());
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  const says = async (pattern: RegExp) => {
    for (const end = Date.now() + 50_000; !pattern.test(output); await new Promise((wake) => setTimeout(wake, 50))) {
      if (Date.now() > end || child.exitCode !== null) throw new Error(`it did not say ${pattern}, but: ${output}`);
    }
  };
  return { child, code, says, text: () => output };
}
