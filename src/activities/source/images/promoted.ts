import { Context } from '@temporalio/activity';
import { join } from 'node:path';
import { read } from '../../../client/read.js';
import { fail } from '../../../errors.js';
import { readHistory } from '../../../lib/history.js';
import type { HistoryEntry, Images, Release } from '../../../model.js';
import type { StepContext } from '../../context.js';
import { servicesOf, tagOf } from './names.js';
import { obtainImage } from './obtain.js';

/** The very images with which that version last ended `deployed` in `promote_from`. Throws Usage where it never did, ImageRefused. */
export async function promotedImages(context: StepContext, release: Release): Promise<Images> {
  const { definition } = context;
  const from = `${definition.system}/${definition.promote_from}`;
  const entries = await historyOf(context, from);
  const entry = entries.findLast((one) => one.outcome === 'deployed' && isOf(context, one, release));
  const where = definition.positions.promote_from ?? 'promote_from';
  if (!entry) {
    const last = entries.findLast((one) => one.outcome === 'deployed')?.version;
    const seen = last ? `its last release is ${last}` : 'nothing was ever deployed there';
    throw fail('Usage', `${where}: ${release.version} never ended deployed in ${from}: deploy it there first; ${seen}`);
  }
  const images: Images = {};
  for (const service of servicesOf(definition)) {
    const theirs = entry.current?.images?.[service];
    if (!theirs) throw fail('Usage', `${where}: run ${entry.run} of ${from} recorded no image of ${service}`);
    images[service] = { ...(await obtainImage(context, service, theirs)), tag: tagOf(definition, service, release) };
  }
  return images;
}

/** By commit; without Git nothing but the version tells what it is. */
function isOf({ definition }: StepContext, { current }: HistoryEntry, release: Release): boolean {
  return definition.source.git ? current?.sha === release.sha : current?.version === release.version;
}

/** Read here where that environment is this host's, too; else its host is asked. */
async function historyOf(context: StepContext, environment: string): Promise<HistoryEntry[]> {
  const here = await readHistory(join(context.home, '..', environment.split('/')[1] ?? ''));
  if (here.length > 0) return here;
  return read<HistoryEntry[]>({ client: Context.current().client }, 'history', { environment });
}
