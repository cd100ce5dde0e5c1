import type { StepContext } from '../../context.js';
import { readAddress, type Address } from './address.js';
import { reach, type Inside } from './reach.js';

/** As the definition names it: each URL `$NAME` of env_file, or without a password. */
export interface Connections {
  url: string;
  backup_url: string;
  admin_url: string;
  in?: string;
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
  /** Where the server is inside a service, and its programs with it. */
  inside?: Inside;
}

export async function linkOf(context: StepContext, store: string, connections: Connections): Promise<Link> {
  const url = context.env.value(connections.url);
  const written = {
    app: readAddress(url),
    backup: readAddress(context.env.value(connections.backup_url)),
    admin: readAddress(context.env.value(connections.admin_url)),
  };
  const common = { store, run: context.run.id, url };
  const { in: service } = connections;
  if (service === undefined) return { ...common, ...written };
  const [app, backup, admin] = await Promise.all(
    [written.app, written.backup, written.admin].map((address) => reach(context, service, address)),
  );
  return { ...common, app: app!.address, backup: backup!.address, admin: admin!.address, inside: admin!.inside };
}
