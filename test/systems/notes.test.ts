import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withNotes } from './notes-system.js';

describe('a system of a SQLite file and a tree of uploads', { timeout: 300_000 }, () => {
  it('gets both back, of one moment, when a release that spoilt them fails at verify; what it left is kept', () =>
    withNotes(async (system) => {
      expect((await system.go('deploy', { version: '2.0.0' })).outcome).toBe('deployed');
      for (const text of ['one', 'two', 'three', 'four']) await system.note(text);
      const before = system.shown();
      expect(before).toMatch(/VALUES\(4,'four','4\.txt'\)[^]*4\.txt\nonetwothreefour$/);

      const spoilt = await system.go('deploy', { version: '3.0.0' });
      expect(spoilt, spoilt.reason).toMatchObject({ outcome: 'rolled-back', current: '2.0.0' });
      expect(system.shown()).toBe(before);
      await system.note('five');
      const replaced = [join(system.directory, 'data', '.slipway'), join(system.directory, '.slipway')].map((folder) => readdirSync(folder).filter((name) => /\.r-[0-9a-f]+$/.test(name)));
      expect(replaced).toEqual([[expect.stringMatching(/^notes\.db\.r-/)], [expect.stringMatching(/^uploads\.r-/)]]);
    }));
});
