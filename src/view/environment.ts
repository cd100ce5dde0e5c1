import type { HostState } from '../activities/index.js';
import type { Kind, Status } from '../model.js';
import { formatDuration, formatTime } from './duration.js';
import type { BesideRun } from '../client/beside-runs.js';
import { Progress, renderStep } from './progress.js';
import { plainText, type Mark, type Style } from './style.js';
import { renderTable } from './table.js';

/** What an environment is at, as `status` tells it apart. */
export type EnvironmentIs =
  | 'waiting' // for a person
  | 'running'
  | 'no-workflow-worker'
  | 'no-host-worker'
  | 'finished'
  | 'held' // by the host's journal, with no run in Temporal
  | 'empty'
  | 'unreadable'; // its host answers with an error

export interface EnvironmentState {
  environment: string;
  state: EnvironmentIs;
  /** One line: what waits for whom, or how it ended. */
  waits: string;
  current: string | null;
  previous: string | null;
  /** ISO time since when it is so, where that is known. */
  since?: string;
  /** The open run in Temporal. */
  open?: { kind: Kind; version: string; by: string; startedAt: string; phase: string; runId: string };
  status?: Status;
  /** The latest backup and rehearsal that ran, or run, beside releases. */
  beside: BesideRun[];
  /** null: the host did not answer. */
  host: HostState | null;
}

const words: Record<EnvironmentIs, string> = {
  waiting: 'waits for a person',
  running: 'running',
  'no-workflow-worker': 'no workflow worker',
  'no-host-worker': 'no worker on the host',
  finished: 'finished',
  held: 'held by a run that did not end',
  empty: 'nothing deployed yet',
  unreadable: 'its host cannot tell',
};
const marks: Record<EnvironmentIs, Mark> = {
  waiting: 'waiting',
  running: 'running',
  'no-workflow-worker': 'failed',
  'no-host-worker': 'failed',
  finished: 'done',
  held: 'failed',
  empty: 'skipped',
  unreadable: 'failed',
};

/** One line an environment. */
export function renderEnvironments(states: EnvironmentState[]): string[] {
  const rows = states.map((state) => [
    state.environment,
    state.current ?? '-',
    words[state.state],
    plainText(state.waits),
  ]);
  return renderTable([['environment', 'version', 'state', 'what waits'], ...rows]);
}

/** One environment in full: its run's steps and open questions, with the commands that answer them. */
export function renderEnvironment(state: EnvironmentState, style: Style, nowMs: number): string[] {
  const { open, status, host } = state;
  const row = (name: string, value: string) => `  ${name.padEnd(9)} ${plainText(value)}`;
  return [
    `${style.mark(marks[state.state])} ${style.paint('bold', state.environment)}  ${words[state.state]}${state.waits ? `: ${plainText(state.waits)}` : ''}`,
    row('serves', state.current ?? (host ? 'nothing' : 'unknown: its host does not answer')),
    ...(state.previous ? [row('before', state.previous)] : []),
    ...(open
      ? [
          row(
            'run',
            `${open.kind} ${open.version} by ${open.by}, started ${formatTime(open.startedAt)}, ${formatDuration(nowMs - Date.parse(open.startedAt))} ago, at ${open.phase}`,
          ),
        ]
      : []),
    ...(state.since ? [row('since', formatTime(state.since))] : []),
    ...state.beside.map((one) => row(one.kind, besideLine(one, nowMs))),
    ...(status ? ['', ...statusLines(status, style, nowMs)] : []),
  ];
}

function besideLine({ running, outcome, startedAt, endedAt }: BesideRun, nowMs: number): string {
  if (running) return `runs since ${formatTime(startedAt)}`;
  return `${outcome}, ${formatDuration(nowMs - Date.parse(endedAt ?? startedAt))} ago`;
}

function statusLines(status: Status, style: Style, nowMs: number): string[] {
  const running = status.steps.filter((step) => step.state === 'running').map((step) => renderStep(step, style));
  return [...new Progress(style, true).lines(status, nowMs), ...running];
}
