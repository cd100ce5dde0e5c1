import { describe, expect, it } from 'vitest';
import { stores } from '../../../src/activities/data/lookup.js';
import { definitionOf } from '../step-context.js';

describe('the stores of a definition', () => {
  const postgres = { url: '$URL', backup_url: '$BACKUP_URL', admin_url: '$ADMIN_URL' };

  it('are its databases, in its order', () => {
    const names = stores(
      definitionOf('/srv', { databases: { main: { postgres }, audit: { sqlite: { file: 'x.db' } } } }),
    ).map(({ name, kind }) => [name, kind]);
    expect(names).toEqual([
      ['main', 'postgres'],
      ['audit', 'sqlite'],
    ]);
  });

  it('show commands with secrets by name', () => {
    const [store] = stores(definitionOf('/srv', { databases: { main: { postgres } } }));
    expect(store?.commands().backup.join('\n')).toMatch(/pg_dump .*--snapshot=….*\$BACKUP_URL/);
  });
});
