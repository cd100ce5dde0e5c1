import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import proto from '@temporalio/proto';
import type { Told } from './stories.js';

const { History } = proto.temporal.api.history.v1;

/** A recorded history as JSON that people can read; `historyToJSON` of the SDK fails where protobufjs is installed more than once. */
export async function writeHistory(path: string, { workflowId, history }: Told): Promise<void> {
  const json = History.toObject(History.fromObject(history), { longs: String, enums: String, bytes: String });
  await writeFile(path, `${JSON.stringify({ workflowId, history: json }, null, 1)}\n`);
}

export function readHistory(path: string): Told {
  const { workflowId, history } = JSON.parse(readFileSync(path, 'utf8')) as { workflowId: string; history: object };
  return { workflowId, history: History.fromObject(history) };
}
