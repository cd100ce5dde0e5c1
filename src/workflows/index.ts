import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';

export { deploy } from './deploy.js';
export { rollback } from './rollback.js';
export { adopt } from './adopt.js';
export { recover } from './recover.js';
export { backup } from './backup.js';
export { rehearse } from './rehearse.js';
export { check } from './check.js';
export { backupRules, backups, environments, evidence, history, plan, prune, state } from './reads.js';

/** Answers an unknown type: without it the workflow task would fail for ever and hold the id. */
export default async function unknown(): Promise<never> {
  const types =
    'deploy, rollback, adopt, recover, backup, rehearse, check, plan, history, evidence, state, backupRules, backups, prune, environments';
  throw ApplicationFailure.nonRetryable(
    `there is no workflow ${workflowInfo().workflowType}: the types are ${types}`,
    'Usage',
  );
}
