import { basename, join } from 'node:path';
import { readEvidence, type EvidenceEntry } from '../lib/evidence.js';
import { writeAtomic } from '../lib/files.js';
import type { CheckReport, Choice, Plan, Run } from '../model.js';

export const reportPath = (folder: string) => join(folder, 'report.md');

/** `report.md`: the record of a run, for people; made from the record alone. */
export async function writeReport(folder: string): Promise<string> {
  const text = renderReport(basename(folder), await readEvidence(folder));
  await writeAtomic(reportPath(folder), text);
  return text;
}

export function renderReport(id: string, entries: EvidenceEntry[]): string {
  const start = entries.find((entry) => entry.id === 'resolve')?.data as
    { run: Run; by: string; reason?: string; plan: Plan } | undefined;
  const end = entries.find((entry) => entry.id === 'end')?.data as
    { outcome: string; reason: string; current: { version: string } | null } | undefined;
  if (!start) return `# Run ${id}\n\nThe record has no beginning.\n`;
  const { run, plan } = start;
  return [
    `# ${run.kind} ${run.version.version} into ${run.environment}: ${end?.outcome ?? 'not ended'}`,
    '',
    ...(end?.reason ? [end.reason, ''] : []),
    '| | |',
    '|---|---|',
    `| run | ${id} |`,
    `| version | ${run.version.version} (${run.version.sha}) |`,
    `| over | ${run.previous ? `${run.previous.version} (${run.previous.sha})` : 'nothing'} |`,
    `| serves now | ${end?.current?.version ?? (end ? 'nothing' : '?')} |`,
    `| started by | ${start.by} (claimed)${start.reason ? `: ${cell(start.reason)}` : ''} |`,
    `| change | ${run.change} |`,
    `| plan | ${plan.hash} |`,
    `| downtime expected | ${plan.downtime} |`,
    '',
    '## What happened',
    '',
    '| at | | what |',
    '|---|---|---|',
    ...entries.flatMap(line),
    '',
    '## Checks',
    '',
    ...entries.flatMap(checkTable),
    '## The record',
    '',
    `${entries.length} entries, hash-chained in evidence.jsonl; head ${entries.at(-1)?.hash ?? ''}. Verify: slipway evidence ${run.environment} ${id} --verify`,
    '',
  ].join('\n');
}

interface StepData {
  step: string;
  undo: boolean;
  try: number;
  outcome: string;
  message?: string;
  result?: { note?: string } & Partial<CheckReport> & Partial<Pick<Choice, 'decision' | 'reason'>>;
}
interface CommandData {
  argv: string[];
  exitCode: number | null;
  tookMs: number;
  adopted: boolean;
  changes: boolean;
}

function line({ at, kind, data }: EvidenceEntry): string[] {
  const row = (mark: string, text: string) => [`| ${at} | ${mark} | ${cell(text)} |`];
  if (kind === 'run' || kind === 'end') return [];
  if (kind === 'step') return stepLine(row, data as unknown as StepData);
  if (kind === 'command') return commandLine(row, data as unknown as CommandData);
  const { text } = data as { text?: string };
  return row(kind, text ?? JSON.stringify(data));
}

function stepLine(row: (mark: string, text: string) => string[], data: StepData): string[] {
  const name = `${data.undo ? 'undo ' : ''}${data.step}${data.try > 1 ? ` (try ${data.try})` : ''}`;
  const failed = (data.result?.results ?? []).filter((one) => one.outcome === 'fail').map((one) => one.name);
  const checked = data.result?.results
    ? `${data.result.results.filter((one) => one.outcome === 'pass').length} checks passed${failed.length > 0 ? `, failed: ${failed.join(', ')}` : ''}`
    : '';
  // What is going to be done, maybe only once somebody agrees.
  if (data.result?.decision) return row('decided', `**${name}** ${data.result.decision}: ${data.result.reason}`);
  return row(
    data.outcome === 'done' && failed.length === 0 ? '✔' : '✖',
    `**${name}** ${data.result?.note ?? data.message ?? checked}`,
  );
}

/** What changed something, failed, or took its time; the record has them all. */
function commandLine(
  row: (mark: string, text: string) => string[],
  { argv, exitCode, tookMs, adopted, changes }: CommandData,
): string[] {
  if (!changes && exitCode === 0 && tookMs < 500) return [];
  return row('', `\`${argv.join(' ')}\` exit ${exitCode ?? 'none'}, ${tookMs} ms${adopted ? ', adopted' : ''}`);
}

function checkTable({ at, kind, data }: EvidenceEntry): string[] {
  const { step, undo, result } = data as unknown as StepData;
  if (kind !== 'step' || !result?.results) return [];
  const marks = { pass: '✔', fail: '✖', 'n/a': '○', skip: '…' };
  return [
    `${undo ? 'undo ' : ''}${step}, ${at}:`,
    '',
    '| | check | expected | seen | where |',
    '|---|---|---|---|---|',
    ...result.results.map(
      (one) => `| ${marks[one.outcome]} | ${one.name} | ${cell(one.expected)} | ${cell(one.seen)} | ${one.where} |`,
    ),
    '',
  ];
}

/** Outside text must not break the table, nor be HTML. */
function cell(text: string): string {
  return text
    .replace(/\|/g, '\\|')
    .replace(/</g, '&lt;')
    .replace(/\s*\n\s*/g, ' ');
}
