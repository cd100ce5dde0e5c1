import { userInfo } from 'node:os';

/** Who says so: --by, else SLIPWAY_USER, else the user of the operating system. Recorded as claimed. */
export function nameOf(by: string | undefined, variables: Record<string, string | undefined>): string {
  return by || variables.SLIPWAY_USER || userInfo().username;
}
