import { resolve } from 'node:path';

/** The folder of definitions: --systems, else SLIPWAY_SYSTEMS, else ./systems. */
export function systemsFolder(given: string | undefined, variables: Record<string, string | undefined>): string {
  return resolve(given ?? (variables.SLIPWAY_SYSTEMS || 'systems'));
}
