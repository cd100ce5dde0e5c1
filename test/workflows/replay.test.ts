import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, Runtime, Worker, type ReplayWorkerOptions } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { describe, expect, it } from 'vitest';
import { dataConverter } from '../../src/codec/data-converter.js';
import { workflowBundle } from '../stack/compiled.js';
import { readHistory } from './history-file.js';
import { stories, type Told } from './stories.js';

const folder = new URL('../histories/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
const read = (file: string) => readHistory(fileURLToPath(new URL(file, folder)));
// The tampered histories would fill the screen.
Runtime.install({
  logger: new DefaultLogger('ERROR', () => undefined),
  telemetryOptions: { logging: { filter: 'OFF', forward: {} } },
  shutdownSignals: [],
});

describe('recorded histories', () => {
  it('are there for every story that scripts/record-history.ts tells', () => {
    expect(files.sort()).toEqual(
      Object.keys(stories)
        .map((name) => `${name}.json`)
        .sort(),
    );
  });

  it('replay with the workflows of today', async () => {
    expect(Object.fromEntries(await replayed(files.map((file) => [file, read(file)])))).toEqual(
      Object.fromEntries(files.map((file) => [file, undefined])),
    );
  });

  it.each(files)('%s fails once another activity stands in it', async (file) => {
    const recorded = read(file);
    const attributes = (recorded.history.events ?? []).flatMap(
      (event) => event.activityTaskScheduledEventAttributes ?? [],
    );
    const last = attributes.at(-1);
    if (!last?.activityType) throw new Error('no activity was ever scheduled');
    last.activityType.name = 'somethingElse';
    const [[, error] = []] = await replayed([[file, recorded]]);
    expect(error).toBeInstanceOf(DeterminismViolationError);
  });
});

/** What each came to: undefined, or the error. */
async function replayed(recorded: [string, Told][]): Promise<[string, Error | undefined][]> {
  const options: ReplayWorkerOptions = { workflowBundle: { code: await workflowBundle() }, dataConverter };
  const results: [string, Error | undefined][] = [];
  const histories = recorded.map(([, { workflowId, history }]) => ({ workflowId, history }));
  for await (const { error } of Worker.runReplayHistories(options, histories))
    results.push([recorded[results.length]?.[0] ?? '', error]);
  return results;
}
