import { isBeside } from '../beside.js';
import type { Call } from '../model.js';
import type { Activities } from './index.js';
import { backup } from './backup.js';
import { check, watch } from './check.js';
import { checkNow, checksDue } from './check-now.js';
import { choose, putBack } from './decision.js';
import { heldEffects } from './effect-rows.js';
import { startEffects, stopEffects } from './effects.js';
import type { Host } from './host.js';
import { protecting } from './protect.js';
import { besideChanges } from './keeping/beside-changes.js';
import { rehearseRestore } from './keeping/rehearse-restore.js';
import * as keptReads from './keeping/reads.js';
import * as reads from './reads.js';
import { record } from './record.js';
import { rehearse } from './rehearse.js';
import * as steps from './release-steps.js';
import { resolve } from './resolve.js';
import { inStep, type Step } from './step.js';
import { refuseOtherTargets } from './targets.js';
import { nextWindow } from './window.js';

/** The activities of one host. What changes the live system passes the fence; the rest only looks, or writes beside it. */
export function createActivities(host: Host): Activities {
  const looks = <T>(call: Call, work: (step: Step) => Promise<T>) => inStep(host, call, { changes: false }, work);
  const changes = <T>(call: Call, work: (step: Step) => Promise<T>) => inStep(host, call, { changes: true }, work);
  /** On the very data that the plan was made for. */
  const onTarget = async <T>(step: Step, work: (step: Step) => Promise<T>) => {
    await refuseOtherTargets(step);
    return work(step);
  };
  return {
    environments: () => reads.environments(host),
    resolve: (request) => resolve(host, request),
    check: (call, release) => looks(call, (step) => check(step, release)),
    window: (call) => looks(call, async (step) => nextWindow(step.definition.window, new Date())),
    fetch: (call) => looks(call, steps.fetch),
    backup: (call) =>
      looks(call, (step) =>
        onTarget(step, () => (isBeside(step.run.kind) ? besideChanges(step, backup) : backup(step))),
      ),
    rehearse: (call) => looks(call, rehearse),
    rehearseRestore: (call) => looks(call, (step) => besideChanges(step, rehearseRestore)),
    stop: (call) => changes(call, steps.stop),
    standby: (call) => changes(call, steps.standby),
    switch: (call, release) => changes(call, (step) => protecting(step, () => steps.switchCode(step, release))),
    migrate: (call) => changes(call, (step) => onTarget(step, steps.migrate)),
    start: (call, release) => changes(call, (step) => steps.start(step, release)),
    open: (call) => changes(call, steps.open),
    close: (call) => changes(call, steps.close),
    holdEffects: (call) => looks(call, heldEffects),
    startEffects: (call, release) => changes(call, (step) => startEffects(step, release)),
    stopEffects: (call) => changes(call, stopEffects),
    choose: (call) => looks(call, choose),
    putBack: (call, choice) => changes(call, (step) => protecting(step, () => putBack(step, choice))),
    swapIn: (call) => changes(call, (step) => protecting(step, () => steps.swapIn(step))),
    watch: (call) => looks(call, watch),
    record: (call, ending) =>
      inStep(host, call, { changes: false, ends: true }, (step) => record(host, call, step, ending)),
    plan: (request) => reads.plan(host, request),
    history: (request) => reads.history(host, request),
    evidence: (request) => reads.evidence(host, request),
    state: (request) => reads.state(host, request),
    backups: (request) => keptReads.backups(host, request),
    prune: (request) => keptReads.prune(host, request),
    checksDue: (request) => checksDue(host, request),
    checkNow: (request) => checkNow(host, request),
    backupRules: (request) => reads.backupRules(host, request),
  };
}
