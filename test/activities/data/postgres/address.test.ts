import { describe, expect, it } from 'vitest';
import { readAddress, toolEnv, urlOfDatabase } from '../../../../src/activities/data/postgres/address.js';
import { connect } from '../../../../src/activities/data/postgres/connect.js';
import { quoteDroppable, sideName } from '../../../../src/activities/data/postgres/names.js';
import { failureType } from '../../../../src/errors.js';

describe('a database URL', () => {
  it.each([
    [
      'postgres://u:p@h:6543/shop',
      { host: 'h', port: 6543, user: 'u', password: 'p', database: 'shop', sslmode: 'prefer' },
    ],
    [
      'postgresql+psycopg://u:p%40%2F@h/Sh%20op?sslmode=require&pool_size=5',
      { password: 'p@/', database: 'Sh op', port: 5432, sslmode: 'require' },
    ],
    ['postgresql+asyncpg://u@[::1]:5/x', { host: '::1', password: undefined, port: 5 }],
    ['postgresql://u@/shop?host=/run/pg&port=6', { host: '/run/pg', port: 6, database: 'shop' }],
    ['postgresql://u:100%@h/d', { password: '100%' }],
  ])('%s is taken apart', (url, parts) => {
    expect(readAddress(url)).toMatchObject(parts);
  });

  it.each(['mysql://u@h/d', 'postgres://h', 'shop', ''])('%j is refused', (url) => {
    expect(failureType(catching(() => readAddress(url)))).toBe('Usage');
  });

  it('is shown without its login', () => {
    expect(readAddress('postgres://u:geheim@h/d').shown).toBe('postgresql://h:5432/d');
  });

  it('keeps driver and parameters for another database', () => {
    expect(urlOfDatabase('postgresql+psycopg://u:p@h:5/shop?sslmode=require', 'a b/c')).toBe(
      'postgresql+psycopg://u:p@h:5/a%20b%2Fc?sslmode=require',
    );
    expect(urlOfDatabase('postgresql://u@h', 'x')).toBe('postgresql://u@h/x');
  });

  it('gives its password to tools by environment, and leads to no other server', () => {
    expect(toolEnv(readAddress('postgres://u:p@h/d'), 'r1')).toMatchObject({
      PGPASSWORD: 'p',
      PGHOSTADDR: '',
      PGAPPNAME: 'slipway:r1',
    });
  });

  it('of a server that is not there fails by name, without the password', async () => {
    const error: unknown = await connect(readAddress('postgres://u:geheim@127.0.0.1:1/d'), 'r1').catch(
      (thrown: unknown) => thrown,
    );
    expect(failureType(error)).toBe('Unreachable');
    expect(String(error)).toMatch(/cannot reach the database of postgresql:\/\/127\.0\.0\.1:1\/d: .*ECONNREFUSED/);
    expect(String(error)).not.toContain('geheim');
  });
});

describe('the name of a database beside the live one', () => {
  it('fits 63 bytes and cuts no character, whatever the name', () => {
    for (const name of ['shop', 'ü'.repeat(31), `a${'ü'.repeat(31)}`, '🚢'.repeat(15), 'x'.repeat(63)]) {
      const side = sideName(name, 'r', 'run');
      expect(Buffer.byteLength(side)).toBeLessThanOrEqual(63);
      expect(side).not.toContain('\uFFFD');
      expect(side).toMatch(/__r_[0-9a-f]{12}$/);
    }
  });

  it('differs for names with one long beginning, for runs and for purposes', () => {
    const names = [
      sideName(`${'x'.repeat(50)}1`, 's', 'a'),
      sideName(`${'x'.repeat(50)}2`, 's', 'a'),
      sideName('x', 's', 'a'),
      sideName('x', 's', 'b'),
      sideName('x', 'p', 'a'),
    ];
    expect(new Set(names).size).toBe(names.length);
  });

  it('may be dropped only where it is scratch or a copy', () => {
    expect(quoteDroppable(sideName('shop', 'p', 'run'))).toMatch(/^"shop__p_/);
    for (const name of ['shop', sideName('shop', 'r', 'run'), 'shop__s_', 'postgres'])
      expect(() => quoteDroppable(name)).toThrow(/refusing/);
  });
});

function catching(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}
