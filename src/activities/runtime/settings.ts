import { fail } from '../../errors.js';
import type { Argv, Definition, Runtime } from '../../model.js';
import type { CommandRequest, StepContext } from '../context.js';

export type ProcessSettings = NonNullable<Runtime['processes']>;

export function settingsOf({ environment, runtime }: Definition): ProcessSettings {
  if (!runtime.processes) throw fail('BadDefinition', `${environment}: runtime has no processes`);
  return runtime.processes;
}

/** A command of the definition, in the live checkout, with the variables that it alone gets filled in. */
export function requestFor(context: StepContext, argv: Argv): CommandRequest {
  const { env, timeoutMs } = settingsOf(context.definition);
  const values = Object.entries(env).map(([name, value]) => [name, context.env.value(value)] as const);
  return { argv, env: Object.fromEntries(values), deadlineMs: timeoutMs };
}
