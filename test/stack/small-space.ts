import { randomBytes } from 'node:crypto';
import { chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { systemUser } from '../../src/lib/server-process.js';
import { smallDisk, type SmallDisk } from './small-disk.js';

export interface SmallSpace {
  disk: SmallDisk;
  /** Moves a database, that nobody uses, there. */
  move(database: string): Promise<void>;
  /** Once its databases are gone. */
  remove(): Promise<void>;
}

/** A tablespace of that server on a small disk of its own. Only root may make one: see `canMount`. */
export async function smallSpace(superuser: string, megabytes: number): Promise<SmallSpace> {
  const name = `t_${randomBytes(5).toString('hex')}_space`;
  const disk = smallDisk(megabytes);
  const folder = join(disk.path, name);
  await mkdir(folder, { mode: 0o700 });
  const user = await systemUser();
  if (user) await chown(folder, user.uid, user.gid);
  const run = async (statement: string) => {
    const client = new pg.Client({ connectionString: superuser.replace(/\/[^/]*$/, '/postgres') });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  };
  await run(`CREATE TABLESPACE ${name} LOCATION '${folder}'`);
  // To everybody: roles that a tablespace names cannot be dropped before it.
  await run(`GRANT CREATE ON TABLESPACE ${name} TO PUBLIC`);
  return {
    disk,
    move: (database) => run(`ALTER DATABASE "${database}" SET TABLESPACE ${name}`),
    remove: async () => {
      disk.leave(megabytes);
      await run(`DROP TABLESPACE ${name}`);
      disk.remove();
    },
  };
}
