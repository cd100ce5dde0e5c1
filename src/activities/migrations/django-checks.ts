import { rootMessage } from '../../errors.js';
import type { CheckResult } from '../../model.js';
import { unasked, type StepContext } from '../context.js';
import { djangoRows } from './applied.js';
import { conflictsOf, readCode } from './django-files.js';
import { manageRequest } from './django-settings.js';
import { asLook, toolPlace } from './tool-request.js';

/** @see MigrationTool.preflight */
export async function checkDjango(context: StepContext, directory?: string): Promise<CheckResult[]> {
  const where = context.definition.positions['migrations.django'] ?? 'unasked';
  const { version } = context.run;
  const code = await readCode(context, version);
  const conflicts = conflictsOf(code);
  const heads = unasked(
    'migration-heads',
    conflicts.length === 0 && code.migrations.length > 0,
    `the migrations of each app of ${version.version} have exactly one end`,
    conflicts.map((ends) => `${ends.join(', ')}: merge them with makemigrations --merge`).join('; ') ||
      `${code.migrations.length} migrations of ${[...code.apps].sort().join(', ') || 'no app: say where manage.py is by migrations.django.directory'}`,
    where,
  );
  return directory === undefined ? [heads] : [heads, await checkTool(context, directory, where)];
}

async function checkTool(context: StepContext, directory: string, where: string): Promise<CheckResult> {
  const request = asLook(manageRequest(context, directory, ['showmigrations', '--plan']));
  const expected = `${request.argv.join(' ')} answers in ${toolPlace(request)}, and tells what the database says`;
  const result = (ok: boolean, seen: string) => unasked('migration-tool', ok, expected, seen, where);
  const rows = await djangoRows(context);
  try {
    const { stdout = '' } = await context.read(request);
    const told = [...stdout.matchAll(/^\[(X| )\]\s+(\w+\.\S+)/gm)].map(([, mark, name = '']) => ({
      name,
      is: mark === 'X',
    }));
    const wrong = told.filter(({ name, is }) => rows.includes(name) !== is).map(({ name }) => name);
    const applied = told.filter(({ is }) => is).length;
    if (wrong.length === 0) return result(true, `${applied} applied, ${told.length - applied} pending`);
    return result(false, `it tells otherwise of ${wrong.slice(0, 3).join(', ')}: it reads another database`);
  } catch (error) {
    return result(false, rootMessage(error));
  }
}
