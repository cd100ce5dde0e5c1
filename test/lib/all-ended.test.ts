import { describe, expect, it } from 'vitest';
import { allEnded } from '../../src/lib/all-ended.js';

describe('allEnded', () => {
  it('gives what each gave, in their order', async () => {
    expect(await allEnded([Promise.resolve(1), 'two', Promise.resolve([3])])).toEqual([1, 'two', [3]]);
  });

  it('throws the first failure of their order, once the last of them has ended', async () => {
    const ended: string[] = [];
    const later = async (name: string, error?: Error) => {
      await new Promise((wake) => setImmediate(wake));
      ended.push(name);
      if (error) throw error;
    };
    const slow = later('slow').then(() => later('slower', new Error('late')));
    await expect(allEnded([slow, Promise.reject(new Error('early')), later('good')])).rejects.toThrow('late');
    expect(ended).toEqual(['slow', 'good', 'slower']);
  });
});
