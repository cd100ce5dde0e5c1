import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeShop } from './shop.js';

it('Backups of two environments on one database server take turns, also where one fails, and a standby copy waits for none', async () => {
  // Each with records of its own, as on two hosts.
  const [one, other] = await Promise.all([makeShop(), makeShop()]);
  try {
    const place = (name: string) => join(one.folder, name);
    for (const name of ['a', 'b', 'c']) await mkdir(place(name));
    const order: string[] = [];
    let copied: string | undefined;
    const noting = (name: string, shop: typeof one) => ({
      ...shop.context,
      read: async (request: Parameters<typeof shop.context.read>[0]) => {
        order.push(`${name} begins`);
        // Within the first one's turn: it would never end if a copy waited for it.
        if (name === 'first') copied ??= (await other.store.standby(other.context)).copy;
        if (name === 'broken') throw new Error('broken');
        return shop.context.read(request).finally(() => order.push(`${name} ends`));
      },
    });
    const all = await Promise.allSettled([
      one.store.backup(noting('first', one), place('a')),
      one.store.backup(noting('broken', one), place('b')),
      other.store.backup(noting('second', other), place('c')),
    ]);
    expect(all.map(({ status }) => status).sort()).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(await other.databases()).toContain(copied);
    const names = order.map((line) => line.split(' ')[0]);
    const blocks = names.filter((name, index) => name !== names[index - 1]);
    expect(blocks.sort()).toEqual(['broken', 'first', 'second']);
  } finally {
    await Promise.all([one.close(), other.close()]);
  }
});
