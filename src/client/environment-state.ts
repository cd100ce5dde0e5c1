import type { HostState } from '../activities/index.js';
import { failureType, rootMessage } from '../errors.js';
import type { Temporal } from '../lib/connection.js';
import type { Status } from '../model.js';
import type { EnvironmentState } from '../view/environment.js';
import { besideRuns } from './beside-runs.js';
import { askStatus, findHolder, type Holder } from './holder.js';
import { lastServed, readPending, toMs } from './pending.js';
import { read } from './read.js';

/** Puts together what Temporal, the run itself and its host say of an environment. Takes at most about 4 s. */
export async function readEnvironment(temporal: Temporal, environment: string): Promise<EnvironmentState> {
  const asksHost = askHostState(temporal, environment);
  const asksBeside = besideRuns(temporal, environment).catch(() => []);
  const holder = await findHolder(temporal, environment);
  const state = holder?.running
    ? await runningState(temporal, environment, holder, asksHost)
    : await restingState(temporal, environment, holder, await asksHost);
  return { ...state, beside: await asksBeside };
}

type Seen = Omit<EnvironmentState, 'beside'>;

interface HostAnswer {
  host: HostState | null;
  /** What it answered instead. */
  problem?: string;
}

async function askHostState(temporal: Temporal, environment: string): Promise<HostAnswer> {
  try {
    return { host: await read<HostState>(temporal, 'state', { environment, withinMs: 4000 }) };
  } catch (error) {
    return failureType(error) === 'Unreachable' ? { host: null } : { host: null, problem: rootMessage(error) };
  }
}

async function runningState(
  temporal: Temporal,
  environment: string,
  holder: Holder,
  asksHost: Promise<HostAnswer>,
): Promise<Seen> {
  const [status, { host }] = await Promise.all([askStatus(temporal, environment, holder.runId), asksHost]);
  const pending = await readPending(temporal, holder.description, Date.now());
  const first = (name: string) => String(holder.description.searchAttributes[name]?.[0] ?? '?');
  const unserved = pending.find((one) => one.unservedSince)?.unservedSince;
  const phase = status?.phase ?? first('Phase');
  const base = {
    environment,
    host,
    current: host?.current?.version ?? status?.previous ?? null,
    previous: host?.previous?.version ?? null,
    open: {
      kind: holder.kind,
      version: status?.version || first('Version'),
      by: status?.by || '?',
      phase,
      runId: holder.runId,
      startedAt: holder.description.startTime.toISOString(),
    },
    ...(status ? { status } : {}),
  };
  const what = `${base.open.kind} ${base.open.version}`;
  if (!status) {
    const since = toMs(holder.description.raw.pendingWorkflowTask?.scheduledTime);
    return {
      ...base,
      state: 'no-workflow-worker',
      waits: `${what} waits at ${phase}: start \`slipway worker\``,
      ...sinceMs(since),
    };
  }
  if (unserved)
    return {
      ...base,
      state: 'no-host-worker',
      waits: `${what} waits at ${phase}: start \`slipway worker\` on its host`,
      since: unserved,
    };
  if (status.questions.length > 0)
    return { ...base, state: 'waiting', waits: questionsOf(status), since: status.questions[0]?.since ?? '' };
  return { ...base, state: 'running', waits: `${what} is at ${phase}` };
}

async function restingState(
  temporal: Temporal,
  environment: string,
  holder: Holder | undefined,
  { host, problem }: HostAnswer,
): Promise<Seen> {
  const base = {
    environment,
    host,
    current: host?.current?.version ?? null,
    previous: host?.previous?.version ?? null,
  };
  const closed = holder?.description.closeTime?.toISOString();
  if (problem) return { ...base, state: 'unreadable', waits: problem };
  if (!host) {
    const since = await lastServed(temporal, environment);
    const outcome = holder?.description.searchAttributes.Outcome?.[0];
    const last = outcome ? `the last run, ${holder?.kind}, ended ${String(outcome)}; ` : '';
    return {
      ...base,
      state: 'no-host-worker',
      waits: `${last}start \`slipway worker\` on its host to see more`,
      ...(since ? { since } : {}),
    };
  }
  if (host.journal) {
    const { kind, run, last } = host.journal;
    return {
      ...base,
      state: 'held',
      waits: `${kind} ${run} did not end, its last step was ${last.step}: slipway recover ${environment}`,
      since: last.at,
    };
  }
  if (!host.current && !host.lastOutcome)
    return { ...base, state: 'empty', waits: `slipway adopt ${environment}, or slipway deploy ${environment} VERSION` };
  return {
    ...base,
    state: 'finished',
    waits: host.lastOutcome ? `the last run ended ${host.lastOutcome}` : '',
    ...(closed ? { since: closed } : {}),
  };
}

function questionsOf(status: Status): string {
  return status.questions
    .map(
      ({ name, is, roles }) =>
        `${is === 'failure' ? 'failed ' : ''}${name}${roles.length > 0 ? ` (${roles.join(' or ')})` : ''}`,
    )
    .join(', ');
}

function sinceMs(ms: number): { since?: string } {
  return ms > 0 ? { since: new Date(ms).toISOString() } : {};
}
