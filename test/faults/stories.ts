import type { Kind, Outcome } from '../../src/model.js';

/** What one run of the shop is, and what it must come to, killed or not. */
export interface Story {
  name: string;
  kind: Kind;
  input: object;
  outcome: Outcome;
  current: string;
  /** What the shop's scripts must note. */
  effects: string[];
  /** Where the worker may be killed; `undo start` is the undo of a step. */
  steps: string[];
}

const forward = 'preflight go fetch backup stop standby switch migrate start verify'.split(' ');
const undos = ['undo start', 'undo migrate', 'undo switch', 'undo stop'];

/** In this order they lead from 1.0.0 to 1.0.0. */
export const stories: Story[] = [
  {
    name: 'deploy 2.0.0',
    kind: 'deploy',
    input: { version: '2.0.0', by: 'bob', change: 'compatible' },
    outcome: 'deployed',
    current: '2.0.0',
    effects: ['stop 1.0.0', 'start 2.0.0', 'open 2.0.0'],
    steps: [...forward, 'open', 'watch', 'record'],
  },
  {
    name: 'deploy 3.0.0, which fails',
    kind: 'deploy',
    input: { version: '3.0.0', by: 'bob' },
    outcome: 'rolled-back',
    current: '2.0.0',
    effects: ['stop 2.0.0', 'start 3.0.0', 'stop 3.0.0', 'start 2.0.0', 'open 2.0.0'],
    // The undos count twice: they are what matters most here.
    steps: [...forward, ...undos, ...undos, 'reopen', 'record'],
  },
  {
    name: 'rollback to 1.0.0',
    kind: 'rollback',
    input: { by: 'bob' },
    outcome: 'done',
    current: '1.0.0',
    effects: ['stop 2.0.0', 'start 1.0.0', 'open 1.0.0'],
    steps: 'preflight rollback fetch backup stop standby data switch start verify open record'.split(' '),
  },
];
