import type { StepContext } from '../../context.js';
import { readAddress, type Address } from './address.js';

/** As the definition names it: each URL `$NAME` of env_file, or without a password. */
export interface Connections {
  url: string;
  backup_url: string;
  admin_url: string;
}

/** One store's three logins, read for the length of one act. The live database is the one that `admin_url` names. */
export interface Link {
  store: string;
  run: string;
  /** The application's URL as it stands in env_file. */
  url: string;
  app: Address;
  backup: Address;
  admin: Address;
}

export function linkOf(context: StepContext, store: string, connections: Connections): Link {
  const url = context.env.value(connections.url);
  return {
    store,
    run: context.run.id,
    url,
    app: readAddress(url),
    backup: readAddress(context.env.value(connections.backup_url)),
    admin: readAddress(context.env.value(connections.admin_url)),
  };
}
