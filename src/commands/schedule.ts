import { ScheduleAlreadyRunning, ScheduleNotFoundError, type ScheduleHandle } from '@temporalio/client';
import { fail } from '../errors.js';
import { exits } from '../exit-codes.js';
import { workflowQueue, type Temporal } from '../lib/connection.js';
import { renderSchedule, type ScheduleState } from '../view/schedule.js';
import { askHost } from '../client/ask-host.js';
import { outJson, type Cli, type Flags } from '../client/cli.js';
import { withTemporal } from '../client/with-temporal.js';

export interface ScheduleRequest extends Flags {
  environment: string;
  action: string;
  reason?: string;
}

const actions = ['create', 'show', 'pause', 'resume', 'remove'] as const;

/** The Temporal Schedule that takes backups at the times of `backup.schedule`. */
export async function schedule(cli: Cli, request: ScheduleRequest): Promise<number> {
  const action = actions.find((one) => one === request.action);
  if (!action) throw fail('Usage', `schedule knows no ${request.action}: say ${actions.join(', ')}`);
  return withTemporal(cli, request, async (temporal) => {
    const { environment, reason } = request;
    const handle = temporal.client.schedule.getHandle(idOf(environment));
    if (action === 'create') await create(cli, temporal, environment);
    else await found(environment, () => handle.describe());
    if (action === 'pause') await handle.pause(reason ?? 'paused by slipway schedule');
    if (action === 'resume') await handle.unpause(reason ?? 'resumed by slipway schedule');
    if (action === 'remove') {
      await handle.delete();
      cli.say(
        `${cli.sayStyle.mark('done')} no backups are scheduled in ${environment} any more; all that were taken stay`,
      );
      return exits.asked;
    }
    const state = await read(cli, temporal, environment, handle);
    if (request.json) outJson(cli, state);
    else renderSchedule(state, cli.outStyle).forEach((line) => cli.out(line));
    return exits.asked;
  });
}

const idOf = (environment: string) => `${environment}/backup`;

async function create(cli: Cli, temporal: Temporal, environment: string): Promise<void> {
  const declared = await declaredTimes(cli, temporal, environment);
  if (!declared)
    throw fail('Usage', `${environment} declares no backup.schedule: write one, such as \`schedule: 15 2 * * *\``);
  try {
    await temporal.client.schedule.create({
      scheduleId: idOf(environment),
      spec: { cronExpressions: [`${declared} # ${declared}`] },
      // One at a time, and after an outage one that is late: not all that were missed.
      policies: { overlap: 'SKIP', catchupWindow: '1 hour' },
      action: {
        type: 'startWorkflow',
        workflowType: 'backup',
        taskQueue: workflowQueue,
        workflowId: idOf(environment),
        args: [{}],
      },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    throw fail('Usage', `${environment} has a schedule: slipway schedule ${environment} show, or remove it first`);
  }
}

async function read(cli: Cli, temporal: Temporal, environment: string, handle: ScheduleHandle): Promise<ScheduleState> {
  const [{ state, info, raw }, declared] = await Promise.all([
    handle.describe(),
    declaredTimes(cli, temporal, environment),
  ]);
  const last = info.recentActions.at(-1);
  return {
    environment,
    // The server turns cron lines into calendars, and keeps their comments: ours is the line itself.
    times: (raw.schedule?.spec?.structuredCalendar ?? []).map(({ comment }) => comment ?? ''),
    declared: declared ?? null,
    paused: state.paused,
    note: state.note ?? '',
    next: info.nextActionTimes[0]?.toISOString() ?? null,
    last: last?.takenAt.toISOString() ?? null,
    skipped: info.numActionsSkippedOverlap,
    missed: info.numActionsMissedCatchupWindow,
  };
}

async function declaredTimes(cli: Cli, temporal: Temporal, environment: string): Promise<string | undefined> {
  return (await askHost<{ schedule?: string }>(cli, temporal, 'backupRules', environment)).schedule;
}

async function found<T>(environment: string, look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    throw fail('Usage', `no backups are scheduled in ${environment}: slipway schedule ${environment} create`);
  }
}
