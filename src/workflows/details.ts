import type { CheckReport, CheckResult, Question, Status, StepState } from '../model.js';
import { answerCommands } from './answer-commands.js';

const marks: Record<StepState['state'], string> = {
  running: '●',
  done: '✔',
  failed: '✖',
  skipped: '○',
  undone: '↺',
  waiting: '…',
};

/** So many checks get a line each: current details hold 20 KB. */
const SHORT = 20;

/** The UI's current details: what waits for whom with the exact command, the steps, the checks, what was refused. */
export function render(status: Status): string {
  return [
    `**${status.kind} ${escape(status.version)}** into ${status.environment}: ${status.outcome ?? `${status.state} at ${status.phase}`}`,
    status.reason ? escape(status.reason) : '',
    ...status.questions.map((question) => renderQuestion(status, question)),
    status.steps.map(renderStep).join('\n'),
    status.checking ? `**${status.phase}**\n\n${pendingLines(status.checking)}` : '',
    ...status.checks.map((report) => `**${report.phase}**\n\n${checkLines(report.results)}`),
    status.refusedCount > 0
      ? `**${status.refusedCount} messages did not count**\n\n${status.refused
          .slice(-5)
          .map((r) => `- ${escape(r.message)}: ${escape(r.reason)}`)
          .join('\n')}`
      : '',
  ]
    .filter(Boolean)
    .join('\n\n')
    .slice(0, 19_000);
}

function renderQuestion(status: Status, question: Question): string {
  return [
    `### Waiting: ${question.name}`,
    escape(question.text),
    ...(question.detail ?? []).map((line) => `- ${escape(line)}`),
    question.roles.length > 0 ? `Roles: ${question.roles.join(', ')}` : '',
    ...answerCommands(status.environment, question).map((command) => '```\n' + command + '\n```'),
  ]
    .filter(Boolean)
    .join('\n\n');
}

function renderStep(step: StepState): string {
  return `- ${marks[step.state]} ${step.undo ? 'undo ' : ''}**${step.name}** ${escape(step.note ?? '')}`;
}

/** Checks that run now. */
export function pendingLines(names: string[]): string {
  return names.length > SHORT
    ? `● ${names.map(escape).join(', ')}`
    : names.map((name) => `- ● **${escape(name)}**`).join('\n');
}

/** Each check: of many, those that passed by name alone, and of those that failed the beginning. */
export function checkLines(results: CheckResult[]): string {
  if (results.length <= SHORT) return results.map((one) => renderCheck(one)).join('\n');
  const passed = results.filter(({ outcome }) => outcome === 'pass');
  const rest = results.filter(({ outcome }) => outcome !== 'pass');
  const room = Math.max(20, Math.floor(8000 / Math.max(1, rest.length)) - 60);
  return [
    ...rest.map((one) => renderCheck({ ...one, seen: one.seen.slice(0, room), expected: one.expected.slice(0, room) })),
    ...(passed.length > 0 ? [`- ✔ ${passed.map(({ name }) => escape(name)).join(', ')}`] : []),
  ].join('\n');
}

/** One sentence of those that had to pass and did not; undefined where all did. */
export function checksFailed(results: CheckResult[]): string | undefined {
  return failures(results, 'must').join('; ') || undefined;
}

/** A line for each that should have passed and did not: for whoever decides. */
export function checksWarned(reports: CheckReport[]): string[] {
  return reports.flatMap(({ results }) => failures(results, 'warn')).map((line) => `warning: ${line}`);
}

function failures(results: CheckResult[], level: CheckResult['must']): string[] {
  return results
    .filter(({ outcome, must }) => outcome === 'fail' && must === level)
    .map(({ name, where, expected, seen }) => `${name} (${where}): expected ${expected}, seen ${seen}`);
}

function renderCheck({ name, outcome, must, expected, seen }: CheckResult): string {
  const mark = { pass: '✔', fail: must === 'must' ? '✖' : '!', 'n/a': '○', skip: '…' }[outcome];
  return `- ${mark} **${escape(name)}** ${escape(seen)}${outcome === 'fail' ? ` (expected ${escape(expected)})` : ''}`;
}

/** The UI renders Markdown and passes HTML on: outside text must be neither. */
function escape(text: string): string {
  return text
    .replace(/[\\|`*_<>[\]]/g, (character) =>
      character === '<' ? '&lt;' : character === '>' ? '&gt;' : `\\${character}`,
    )
    .replace(/\n/g, ' ');
}
