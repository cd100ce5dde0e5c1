import type { Plan, PlanStep } from '../model.js';
import { plainText, type Style } from './style.js';

/** A plan for people: every step with its exact commands, what takes it back, and how to start it. */
export function renderPlan(plan: Plan, starts: string[], style: Style): string[] {
  const { kind, version, previous, environment } = plan;
  const over = previous ? ` over ${previous.version}` : kind === 'deploy' ? ', the first release here' : '';
  const pending = Object.entries(plan.pending).filter(([, names]) => names.length > 0);
  const fact = (name: string, value: string) => `  ${name.padEnd(9)} ${plainText(value)}`;
  return [
    style.paint('bold', `${kind} ${version.version} (${version.sha.slice(0, 7)})${over} in ${environment}`),
    fact('change', plan.change),
    ...pending.map(([database, names]) => fact('pending', `${database}: ${names.join(', ')}`)),
    fact('downtime', plan.downtime),
    fact('plan', plan.hash),
    ...plan.warnings.map((line) => `${style.mark('note')} ${plainText(line)}`),
    ...plan.unbuilt.map((part) => `${style.mark('failed')} not built yet, so ${kind} refuses: ${plainText(part)}`),
    '',
    ...plan.steps.flatMap((step, i) => renderPlanStep(step, i + 1, style)),
    '',
    ...undoOrder(plan),
    style.paint('bold', 'start it'),
    ...starts.map((command) => `  ${style.paint('cyan', command)}`),
  ];
}

function renderPlanStep(step: PlanStep, number: number, style: Style): string[] {
  const kind = step.is === 'step' ? (step.changes ? ' [changes]' : '') : ` [${step.is}]`;
  const head = `${String(number).padStart(2)}. ${step.name.padEnd(10)} ${plainText(step.title)}${kind}`;
  if (step.skip !== undefined)
    return [
      style.paint('dim', `${String(number).padStart(2)}. ${step.name.padEnd(10)} skipped: ${plainText(step.skip)}`),
    ];
  const prefix = step.is === 'check' ? '-' : '$';
  return [
    head,
    ...step.commands.map((command) => `      ${prefix} ${plainText(command)}`),
    ...step.undo.map((command) => `      ${style.mark('undone')} ${plainText(command)}`),
  ];
}

function undoOrder({ steps }: Plan): string[] {
  const undone = steps.filter((step) => step.undo.length > 0 && step.skip === undefined).map((step) => step.name);
  return undone.length > 0 ? [`taken back in this order: ${undone.reverse().join(', ')}`, ''] : [];
}
