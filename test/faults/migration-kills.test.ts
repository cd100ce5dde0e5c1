import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installTool } from '../activities/migrations/sequelize-project.js';
import { kinds } from './killable-migrations.js';
import { runMigrationKills } from './migration-kills.js';

const seed = Number(process.env.SLIPWAY_TEST_SEED ?? randomInt(2 ** 31));

describe(`C1, C3, C4: a migration that is killed at a statement (SLIPWAY_TEST_SEED=${seed})`, () => {
  let sequelize: Awaited<ReturnType<typeof installTool>>;
  beforeAll(async () => void (sequelize = await installTool()), 600_000);
  afterAll(() => sequelize?.remove());

  it.each(kinds)(
    'by %s leaves what is told of it by name, and nothing runs blindly on it',
    async (kind) => {
      const lines: string[] = [];
      const options = { kind, modules: sequelize.modules, seed, count: 1 };
      const { faults } = await runMigrationKills({ ...options, say: (line) => lines.push(line) });
      expect(faults, lines.join('\n')).toEqual([]);
    },
    180_000,
  );
});
