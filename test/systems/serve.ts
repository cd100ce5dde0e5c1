import { randomUUID } from 'node:crypto';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { inject } from 'vitest';
import { dataConverter } from '../../src/codec/data-converter.js';
import { homeOf } from '../../src/lib/state-root.js';
import type { Kind } from '../../src/model.js';
import { approveAll, makeNamespace, startProcess, type Ended, type WorkerProcess } from './stand.js';

/** An environment that a worker in a process of its own serves, in a Temporal namespace of its own. */
export interface Served {
  environment: string;
  namespace: string;
  client: Client;
  /** The environment's folder of records. */
  home: string;
  worker: WorkerProcess;
  /** A second worker beside it, which the caller ends. @default in the same namespace */
  another: (namespace?: string) => Promise<WorkerProcess>;
  /** Starts a run the way the CLI does. */
  start: (kind: Kind, input?: object) => Promise<WorkflowHandle>;
  /** Runs to the end, approving every gate as ann; other questions fail the test. */
  go: (kind: Kind, input?: object) => Promise<Ended>;
  close(): Promise<void>;
}

/**
 * @param where the folder of definitions, the root of the host's records
 * @param address Temporal's `host:port`. @default the suite's
 */
export async function serve(
  environment: string,
  { systems, state }: { systems: string; state: string },
  address: string = inject('temporal'),
): Promise<Served> {
  const namespace = `stand-${randomUUID().slice(0, 8)}`;
  const connection = await Connection.connect({ address });
  await makeNamespace(connection, namespace);
  const client = new Client({ connection, namespace, dataConverter });
  const settings = { connection: { address }, host: 'localhost', systems, stateRoot: state };
  const another: Served['another'] = (served = namespace) => startProcess({ ...settings, namespace: served });
  const worker = await another();
  const start: Served['start'] = (kind, input = {}) =>
    client.workflow.start(kind, {
      taskQueue: 'slipway',
      workflowId: environment,
      args: [input],
      workflowIdConflictPolicy: 'FAIL',
    });
  return {
    environment,
    namespace,
    client,
    home: homeOf(environment, state),
    worker,
    another,
    start,
    go: async (kind, input) => approveAll(await start(kind, input)),
    async close() {
      const handle = client.workflow.getHandle(environment);
      await handle.terminate('end of the test').catch(() => undefined);
      await worker.kill();
      await connection.close();
    },
  };
}
