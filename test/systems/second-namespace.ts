import { randomUUID } from 'node:crypto';
import { Client, type Connection, type WorkflowHandle } from '@temporalio/client';
import { dataConverter } from '../../src/codec/data-converter.js';
import { makeNamespace, type Stand, type WorkerProcess } from './stand.js';

export interface SecondNamespace {
  client: Client;
  worker: WorkerProcess;
  start: (kind: string, input?: object) => Promise<WorkflowHandle>;
}

/** Another namespace, in which the same environment has no run yet, with a worker on the same host. */
export async function inSecondNamespace(stand: Stand, use: (second: SecondNamespace) => Promise<void>): Promise<void> {
  const namespace = `stand-${randomUUID().slice(0, 8)}`;
  const connection = stand.client.connection as Connection;
  await makeNamespace(connection, namespace);
  const worker = await stand.another(namespace);
  const client = new Client({ connection, namespace, dataConverter });
  const workflowId = stand.environment;
  const start: SecondNamespace['start'] = (kind, input = {}) =>
    client.workflow.start(kind, { taskQueue: 'slipway', workflowId, args: [input], workflowIdConflictPolicy: 'FAIL' });
  try {
    await use({ client, worker, start });
  } finally {
    await client.workflow.getHandle(workflowId).terminate('end of the test').catch(() => undefined);
    await worker.kill();
  }
}
