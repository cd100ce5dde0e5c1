import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrationTool } from '../../../src/activities/migrations/lookup.js';
import type { Release } from '../../../src/model.js';
import type { TestStep } from '../step-context.js';
import { installTool } from './sequelize-project.js';
import { tools, type Tool } from './tools.js';

let shared: Awaited<ReturnType<typeof installTool>>;
beforeAll(async () => void (shared = await installTool()), 300_000);
afterAll(() => shared?.remove());

describe.each(Object.entries(tools))('%s', (_name, make) => {
  let tool: Tool;
  beforeAll(async () => void (tool = await make(shared.modules)), 300_000);
  afterAll(() => tool?.remove());

  const using = (release: Release, at: Partial<TestStep['at']>, previous?: Release) => {
    const step = tool.step(release, at, previous);
    const adapter = migrationTool(step.definition)!;
    const staged = step.staged(release);
    const place = existsSync(staged) ? staged : tool.directory;
    const known = async () => (await adapter.known(step, release)) ?? [];
    return {
      step,
      known,
      applied: (url?: string) => adapter.applied(step, url),
      upgrade: async (url?: string) => {
        const before = await adapter.applied(step);
        return adapter.upgrade(step, place, [...new Set([...before, ...(await known())])], url);
      },
      refuse: async () => adapter.upgrade(step, place, await known()),
      downgrade: (wanted: string[]) => adapter.downgradeTo(step, tool.directory, wanted),
    };
  };

  it('applies what a release brings, rehearses on a copy alone, refuses what it does not know, and undoes by name', async () => {
    const [one = '', two = ''] = tool.names;
    const first = tool.release('1', [one]);
    const begun = using(first, { step: 'migrate' });
    expect((await begun.upgrade()).note).toContain(`${one} applied`);
    const before = await begun.applied();
    expect(before).toContain(one);
    expect(new Set(await begun.known())).toEqual(new Set(before));

    const second = tool.release('2', [one, two]);
    const copy = await tool.another();
    const rehearsing = using(second, { step: 'rehearse', try: 2 }, first);
    await rehearsing.upgrade(copy);
    expect([(await rehearsing.applied(copy)).includes(two), await rehearsing.applied()]).toEqual([true, before]);
    expect(rehearsing.step.changes).toEqual([]);

    const next = using(second, { step: 'migrate', try: 3 }, first);
    expect([(await next.upgrade()).note, next.step.changes]).toEqual([
      expect.stringContaining(`${two} applied`),
      ['migrate'],
    ]);
    const again = using(second, { step: 'migrate', try: 3 }, first);
    await again.upgrade();
    expect(again.step.changes).toEqual([]);

    tool.release('1', [one]);
    await expect(using(first, { step: 'migrate', try: 4 }, second).refuse()).rejects.toMatchObject({
      type: 'MigrationFailed',
      message: expect.stringContaining(`does not know what the database has: ${two}`) as string,
    });

    tool.release('2', [one, two]);
    const back = using(second, { step: 'migrate', undo: true }, first);
    expect((await back.downgrade(before)).data).toEqual({ undone: [two] });
    expect([await back.applied(), (await back.downgrade(before)).note]).toEqual([before, 'nothing was to undo']);
  }, 600_000);

  it('that fails half-way says what is not applied, and leaves what was', async () => {
    const bad = tool.release('3', [...tool.names, tool.bad]);
    const failing = using(bad, { step: 'migrate', try: 5 }, bad);
    await expect(failing.upgrade()).rejects.toMatchObject({
      type: 'MigrationFailed',
      message: expect.stringMatching(new RegExp(`${tool.bad}.*put the data back`, 's')) as string,
    });
    const applied = await failing.applied();
    expect([applied.includes(tool.names[1]!), applied.includes(tool.bad)]).toEqual([true, false]);
  }, 600_000);
});
