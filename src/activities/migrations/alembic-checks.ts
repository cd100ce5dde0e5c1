import { rootMessage } from '../../errors.js';
import type { CheckResult } from '../../model.js';
import { unasked, type StepContext } from '../context.js';
import { headsOf } from './alembic-graph.js';
import { alembicRequest, graphOf } from './alembic-settings.js';
import { alembicRows } from './applied.js';
import { asLook, toolPlace } from './tool-request.js';

/** @see MigrationTool.preflight */
export async function checkAlembic(context: StepContext, directory?: string): Promise<CheckResult[]> {
  const where = context.definition.positions['migrations.alembic'] ?? 'unasked';
  const { version } = context.run;
  const heads = headsOf(await graphOf(context, version));
  const several = context.definition.migrations?.alembic?.heads === 'several';
  const one = unasked(
    'migration-heads',
    heads.length === 1 || (several && heads.length > 1),
    `the migrations of ${version.version} have ${several ? 'heads' : 'exactly one head'}`,
    heads.length > 1
      ? `${heads.join(', ')}${several ? '' : ': merge them with alembic merge, or say migrations.alembic.heads: several'}`
      : (heads[0] ?? 'none: there is no alembic.ini with revisions; say where by migrations.alembic.directory'),
    where,
  );
  return directory === undefined ? [one] : [one, await checkTool(context, directory, where)];
}

async function checkTool(context: StepContext, directory: string, where: string): Promise<CheckResult> {
  const request = asLook(alembicRequest(context, directory, ['current']));
  const expected = `${request.argv.join(' ')} answers in ${toolPlace(request)}, and tells what the database says`;
  const result = (ok: boolean, seen: string) => unasked('migration-tool', ok, expected, seen, where);
  const rows = await alembicRows(context);
  try {
    const { stdout = '' } = await context.read(request);
    // Its log may stand between the lines, on either stream: each revision is looked for at the beginning of one.
    const told = stdout.split('\n').map((line) => line.split(/\s/)[0] ?? '');
    const untold = rows.filter((row) => !told.includes(row));
    if (untold.length === 0) return result(true, `current: ${rows.join(', ') || 'none'}`);
    return result(
      false,
      `it does not tell ${untold.join(', ')}, which is in the database: it reads another one, or does not know that revision`,
    );
  } catch (error) {
    return result(false, rootMessage(error));
  }
}
