import type { Outcome, Report } from '../model.js';
import { formatTime } from './duration.js';
import { plainText, type Mark, type Style } from './style.js';

const marks: Record<Outcome, Mark> = {
  deployed: 'done',
  done: 'done',
  'no-go': 'failed',
  'failed-unchanged': 'failed',
  'rolled-back': 'undone',
  'rolled-back-unverified': 'failed',
  stopped: 'failed',
};

/** How a run ended and where its record lies. `ui` is the address of its page, where one is known. */
export function renderReport(report: Report, style: Style, ui?: string): string[] {
  const { outcome, kind, version, environment, evidence } = report;
  const reason = report.reason ? `: ${plainText(report.reason)}` : '';
  const row = (name: string, value: string | null | undefined) => (value ? [`  ${name.padEnd(10)} ${value}`] : []);
  return [
    `${style.mark(marks[outcome])} ${style.paint('bold', outcome)}  ${kind} ${version || '(no version)'} in ${environment}${reason}`,
    // A run that was refused before it was resolved does not know.
    ...row('serves now', report.run && (report.current ?? 'nothing')),
    ...report.approvals.flatMap(({ gate, by, at }) => row('approved', `${gate} by ${by}, ${formatTime(at)}`)),
    ...row('report', evidence && `${evidence}/report.md`),
    ...row('undo', evidence && `${evidence}/undo.md`),
    ...row('record', report.run && `slipway evidence ${environment} ${report.run} --verify`),
    ...row('UI', ui),
  ];
}
