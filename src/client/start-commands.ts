import { workflowQueue } from '../lib/connection.js';
import { shellLine } from '../lib/shell-line.js';

export interface Start {
  kind: 'deploy' | 'rollback' | 'adopt';
  environment: string;
  version?: string;
  change?: string;
}

/** The two ways to start a run, which do the same; `--fail-existing`, since Temporal would otherwise say nothing and start nothing. */
export function startCommands({ kind, environment, version, change }: Start): [slipway: string, temporal: string] {
  const input = { ...(version ? { version } : {}), ...(change ? { change } : {}) };
  const own = ['slipway', kind, environment, ...(version ? [version] : []), ...(change ? ['--change', change] : [])];
  const temporal = [
    ...['temporal', 'workflow', 'start', '--type', kind, '--task-queue', workflowQueue],
    ...['--workflow-id', environment, '--fail-existing', '--input'],
  ];
  return [shellLine(own), `${shellLine(temporal)} '${JSON.stringify(input).replaceAll("'", `'\\''`)}'`];
}
