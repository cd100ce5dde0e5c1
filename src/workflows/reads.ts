import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import type { EvidenceAnswer, HostState } from '../activities/index.js';
import type {
  BackupRules,
  DeployInput,
  HistoryEntry,
  KeptList,
  KeptThing,
  Kind,
  Plan,
  RollbackStart,
} from '../model.js';
import { askHost, control, environmentOf } from './proxies.js';
import { checkInput } from './start.js';

/** Short workflows for what only a host can tell. They hold nothing: their ids are `system/environment/<kind>/<random>`. */

export function plan(request: { kind: Kind; input: DeployInput | RollbackStart }): Promise<Plan> {
  const { kind, input } = request ?? { kind: 'deploy', input: {} };
  checkInput(kind, input);
  return askHost('plan', [{ environment: here(), kind, input }], `plan: ${kind}`);
}

export function history(): Promise<HistoryEntry[]> {
  return askHost('history', [{ environment: here() }], 'history');
}

export function evidence(request?: { run?: string; verify?: boolean }): Promise<EvidenceAnswer> {
  return askHost('evidence', [{ environment: here(), ...request }], 'evidence');
}

export function state(): Promise<HostState> {
  return askHost('state', [{ environment: here() }], 'state');
}

export function backups(): Promise<KeptList> {
  return askHost('backups', [{ environment: here() }], 'backups');
}

/** Destroys what retention does not keep of what was shown. */
export function prune(request?: { names?: string[]; by?: string }): Promise<KeptThing[]> {
  const { names = [], by = '' } = request ?? {};
  if (!Array.isArray(names) || !by)
    throw ApplicationFailure.nonRetryable(
      'prune takes {"names":["…"],"by":"ann"}: slipway backups shows them',
      'Usage',
    );
  return askHost('prune', [{ environment: here(), names, by }], `prune: ${names.length} things`);
}

export function backupRules(): Promise<BackupRules> {
  return askHost('backupRules', [{ environment: here() }], 'backup rules');
}

export function environments(): Promise<{ environments: string[]; errors: string[] }> {
  return control.environments();
}

function here(): string {
  return environmentOf(workflowInfo().workflowId);
}
