import type { CheckResult } from '../../../model.js';
import { unasked, type StepContext } from '../../context.js';
import { runtime } from '../../runtime/lookup.js';
import { query, type Session } from './connect.js';
import type { Link } from './link.js';

/**
 * Whether the application that runs is seen in the database that the definition names, by a session of its role: one that fell back to another database
 * would be backed up and migrated beside what it really uses. No more than a warning, since it may connect only when it is asked.
 */
export async function checkUsed(context: StepContext, link: Link, session: Session): Promise<CheckResult[]> {
  if (!(await runtime(context.definition).runs(context))) return [];
  const { user, database } = link.app;
  const rows = await query<{ who: string }>(session, sessions, [user]);
  const none = `none: see that what runs uses ${database}, and no other`;
  const seen = rows.map(({ who }) => who).join(', ') || none;
  const expected = `sessions of ${user}, since the application runs`;
  return [{ ...unasked(`${link.store}: in use`, rows.length > 0, expected, seen), must: 'warn' }];
}

const sessions = `
  SELECT format('%s from %s', coalesce(nullif(application_name, ''), 'no name'), coalesce(host(client_addr), 'this host')) AS who FROM pg_stat_activity
  WHERE datname = current_database() AND usename = $1 AND backend_type = 'client backend' AND NOT starts_with(application_name, 'slipway:')
  GROUP BY 1 ORDER BY 1 LIMIT 5`;
