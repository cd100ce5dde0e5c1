import type { EnvFile } from '../../lib/env-file.js';
import type { CommandRequest } from '../context.js';
import { guardValues } from './guard.js';
import { endInside, inside, type Asker } from './inside.js';

export interface Placed {
  /** For this host: the command itself, or the docker client that runs it inside. */
  request: CommandRequest;
  /** Ends what the client's death leaves inside. Throws OutcomeUnknown. */
  end: () => Promise<void>;
}

export interface Placing {
  /** On the host as it is; inside a service by the docker client, whose death alone would leave the command running there. `heldMs`: @see inside */
  place: (name: string, request: CommandRequest, heldMs?: number) => Promise<Placed>;
  /** Ends what reads of an attempt before left inside, whichever it had come to: once, before the first of this one. */
  sweep: (service: string) => Promise<void>;
}

/** Where the commands of one try of a step run; `key` is that try's. */
export function placing(asker: Asker, env: EnvFile, key: string): Placing {
  const { run, definition } = asker;
  const swept = new Map<string, Promise<void>>();
  return {
    async place(name, { in: service, ...request }, heldMs) {
      if (service === undefined) return { request, end: async () => undefined };
      const mark = `${run.id}-${key}-${name}`;
      const { cwd: _, ...rest } = request;
      const within = await inside(asker, { ...request, in: service }, mark, heldMs);
      // Compose refuses even to look where a variable that its files demand is not set.
      const guard = definition.runtime.compose ? guardValues({ definition, env }) : {};
      return {
        request: { ...rest, ...within, env: { ...guard, ...rest.env } },
        end: () => endInside(asker, service, mark),
      };
    },
    async sweep(service) {
      const sweeping = swept.get(service) ?? endInside(asker, service, `${run.id}-${key}-read-`, true);
      swept.set(service, sweeping);
      await sweeping;
    },
  };
}
