import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { homeOf, stateRoot } from '../../src/lib/state-root.js';

describe('the root of the records', () => {
  it.each([
    ['SLIPWAY_STATE first', { SLIPWAY_STATE: '/srv/slipway', XDG_STATE_HOME: '/x' }, true, '/srv/slipway'],
    ['/var/lib/slipway for root', { XDG_STATE_HOME: '/x' }, true, '/var/lib/slipway'],
    ['XDG_STATE_HOME for others', { XDG_STATE_HOME: '/x' }, false, '/x/slipway'],
    ['a folder in the home else', {}, false, join(homedir(), '.local/state/slipway')],
  ])('is %s', (_, variables, isRoot, root) => {
    expect(stateRoot(variables, isRoot)).toBe(root);
  });

  it('has a folder for each environment, and none for a name that would leave it', () => {
    expect(homeOf('shop/production', '/srv')).toBe('/srv/shop/production');
    for (const name of ['shop', '../etc', 'shop/..', '/shop', 'shop/a/b', ''])
      expect(() => homeOf(name, '/srv')).toThrow('is no environment');
  });
});
