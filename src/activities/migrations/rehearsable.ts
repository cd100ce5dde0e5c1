import { migratedSqlite, migratingService } from '../../definition/migrates-itself.js';
import type { StepContext } from '../context.js';
import { liveFile } from '../data/sqlite/live-file.js';
import { foldersInside } from '../data/sqlite/mounted.js';
import { serviceContainers } from '../runtime/inside.js';
import { inspectImage } from '../source/images/docker.js';
import { declaredTool } from './tool-settings.js';

/** Why the migrations cannot be tried on a copy of the data; undefined where they can. */
export async function whyNoRehearsal(context: StepContext): Promise<string | undefined> {
  const { definition } = context;
  const service = migratingService(definition);
  if (service !== undefined && !definition.source.images)
    return `${service} has no image in source.images, which would hold the new code beside the live one`;
  const sqlite = migratedSqlite(definition);
  if (!sqlite) return undefined;
  if (service === undefined)
    return sqlite.variable ? undefined : 'sqlite.variable names none that would lead the application to the copy';
  const folders = await foldersInside(context, service, await liveFile(context, sqlite));
  if (folders.length === 0) return `no container of ${service} shows where it has the folder of ${sqlite.file}`;
  const code = await workdirOf(context, service);
  const hiding = folders.find((folder) => `${code}/`.startsWith(`${folder.replace(/\/$/, '')}/`));
  return hiding && `${service} has ${sqlite.file} among its code in ${hiding}, which a copy laid over it would hide`;
}

async function workdirOf(context: StepContext, service: string): Promise<string> {
  const { workdir } = declaredTool(context.definition).options;
  if (workdir !== undefined) return workdir;
  const [container] = await serviceContainers(context.definition, (request) => context.look(request), service);
  return (container && (await inspectImage(context, container.image))?.workdir) ?? '/';
}
