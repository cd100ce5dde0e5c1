import { effectsOf } from '../definition/effects.js';
import { fail } from '../errors.js';
import { shellLine } from '../lib/shell-line.js';
import type { Definition, Effect, Release, StepResult } from '../model.js';
import type { StepContext } from './context.js';
import { runtime } from './runtime/lookup.js';

/** What acts on the outside world stops, before anything else does. */
export async function stopEffects(context: StepContext): Promise<StepResult> {
  return turn(context, 'stop', context.run.version);
}

/** It starts, after everything else. */
export async function startEffects(context: StepContext, release: Release | null): Promise<StepResult> {
  if (!release) return { note: 'nothing ran before: it stays stopped' };
  return turn(context, 'start', release);
}

export function effectCommands(definition: Definition, to: 'start' | 'stop'): string[] {
  const { services } = runtime(definition);
  return effectsOf(definition).flatMap(([, effect]) =>
    effect.services ? (services?.commands(definition, to, effect.services) ?? []) : [shellLine(effect[to] ?? [], {})],
  );
}

/** Shell lines for undo.md. */
export function effectsByHand(context: StepContext, to: 'start' | 'stop'): string[] {
  const { services } = runtime(context.definition);
  return effectsOf(context.definition).flatMap(([, effect]) =>
    effect.services ? (services?.byHand(context, to, effect.services) ?? []) : [shellLine(effect[to] ?? [], {})],
  );
}

async function turn(context: StepContext, to: 'start' | 'stop', release: Release): Promise<StepResult> {
  const notes: string[] = [];
  for (const [name, effect] of effectsOf(context.definition)) {
    context.progress(`${name}: ${to}`);
    notes.push(await turnOne(context, to, name, effect, release));
  }
  return { note: notes.join('; ') };
}

async function turnOne(
  context: StepContext,
  to: 'start' | 'stop',
  name: string,
  effect: Effect,
  release: Release,
): Promise<string> {
  if (!effect.services) {
    await context.change(`${to}-effect-${name}`, { argv: effect[to] ?? [] });
    return `${name}: ${to} command ended well`;
  }
  const { services } = runtime(context.definition);
  const where = context.definition.positions[`effects.${name}`] ?? name;
  if (!services) throw fail('BadDefinition', `${where}: there are no services in this runtime`);
  const { note } = await services.turn(context, to, effect.services, release);
  return `${name}: ${note ?? to}`;
}
