import { join } from 'node:path';
import { homeOf } from '../lib/state-root.js';
import type { Tools } from '../lib/tools.js';

/** What a worker knows of its machine. */
export interface Host {
  name: string;
  /** Folder of the definitions. */
  systems: string;
  /** Root of all records. */
  root: string;
  namespace: string;
  tools: Tools;
}

export const home = (host: Host, environment: string) => homeOf(environment, host.root);
export const runFolder = (host: Host, environment: string, run: string) => join(home(host, environment), 'runs', run);
