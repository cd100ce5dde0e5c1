import { describe, expect, it } from 'vitest';
import { loadPeople } from '../../src/definition/people.js';
import { inSystems } from './fixture.js';

const load = (content: string) => inSystems({ 'shop.yaml': '', '../people.yaml': content }, loadPeople);

describe('loadPeople', () => {
  it('reads names, roles and keys', async () => {
    const people = await load('ann: { name: Ann Lee, roles: [ops], key: ssh-ed25519 AAAAC3Nza ann@desk }\n');
    expect(people).toEqual({ ann: { name: 'Ann Lee', roles: ['ops'], key: 'ssh-ed25519 AAAAC3Nza ann@desk' } });
  });

  it('knows nobody where there is no file', async () => {
    expect(await inSystems({ 'shop.yaml': '' }, loadPeople)).toEqual({});
  });

  it.each([
    [
      'ann: { name: Ann Lee, role: [ops] }',
      [
        'people.yaml:1:1 ann.roles: expected a list, got nothing',
        'people.yaml:1:23 ann.role: expected one of name, roles, key, got `role`; did you mean `roles`?',
      ],
    ],
    ['ann: Ann Lee', ['people.yaml:1:6 ann: expected a map, got `Ann Lee`']],
    [
      'ann: { name: Ann Lee, roles: [ops], key: none }',
      ['people.yaml:1:42 ann.key: expected an SSH public key, got `none`'],
    ],
    ['- ann', ['people.yaml:1:1: expected a map, got a list']],
  ])('refuses %s', async (content, lines) => {
    await expect(load(content)).rejects.toMatchObject({ type: 'BadDefinition', message: lines.join('\n') });
  });
});
