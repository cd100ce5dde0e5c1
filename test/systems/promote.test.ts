import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { expect, inject, it } from 'vitest';
import { read } from '../../src/client/read.js';
import { dataConverter } from '../../src/codec/data-converter.js';
import { appendHistory } from '../../src/lib/history.js';
import { homeOf } from '../../src/lib/state-root.js';
import type { HistoryEntry, Plan } from '../../src/model.js';
import { describeWithDocker } from '../stack/docker.js';
import { makeImageStand } from '../activities/source/image-stand.js';
import { makeNamespace, startProcess } from './stand.js';

const yaml = (system: string, directory: string) => `system: ${system}
environments:
  dev: { host: dev-host, directory: ${directory}/dev, url: "http://localhost:1" }
  production: { host: production-host, directory: ${directory}/production, url: "http://localhost:2", promote_from: dev }
source:
  images: { app: { name: ${system}/app } }
runtime:
  processes: { start: [start], stop: [stop], ports: [1] }
  open: at_start
`;

describeWithDocker('promote_from', () => {
  it('asks the other environment’s host which image ended deployed there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-promote-'));
  const stand = makeImageStand();
  const connection = await Connection.connect({ address: inject('temporal') });
  const namespace = `promote-${randomUUID().slice(0, 8)}`;
  await makeNamespace(connection, namespace);
  const client = new Client({ connection, namespace, dataConverter });
  const systems = join(folder, 'systems');
  for (const name of ['systems', 'dev', 'production']) await mkdir(join(folder, name));
  await writeFile(join(systems, `${stand.name}.yaml`), yaml(stand.name, folder));
  const [dev, production] = [`${stand.name}/dev`, `${stand.name}/production`];
  const serve = (host: string, workflows: boolean) =>
    startProcess({ workflows, connection: { address: inject('temporal') }, namespace, host, systems, stateRoot: join(folder, host) });
  const workers = await Promise.all([serve('dev-host', true), serve('production-host', false)]);
  const plan = (version: string) =>
    read<Plan>({ client }, 'plan', { environment: production, args: [{ kind: 'deploy', input: { version } }] });
  try {
    const id = stand.image(`${stand.name}/app:2.0.0`, { 'two.txt': stand.name });
    const current = { version: '2.0.0', sha: 'b'.repeat(40), run: 'r1', images: { app: { id, tag: `${stand.name}/app:2.0.0` } } };
    await mkdir(homeOf(dev, join(folder, 'dev-host')), { recursive: true });
    const entry: Partial<HistoryEntry> = { run: 'r1', kind: 'deploy', outcome: 'deployed', version: '2.0.0', current };
    await appendHistory(homeOf(dev, join(folder, 'dev-host')), entry as HistoryEntry);
    expect((await plan('2.0.0')).version.images).toEqual(current.images);
    await expect(plan('3.0.0')).rejects.toMatchObject({
      type: 'Usage',
      message: `systems/${stand.name}.yaml:4: 3.0.0 never ended deployed in ${dev}: deploy it there first; its last release is 2.0.0`,
    });
  } finally {
    for (const worker of workers) await worker.kill();
    await connection.close();
    stand.remove();
    await rm(folder, { recursive: true, force: true });
  }
}, 600_000);
});
