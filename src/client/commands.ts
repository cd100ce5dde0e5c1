import type { Cli } from './cli.js';

/** One command as `--help` shows it; its code is loaded when it runs. */
export interface Command {
  /** Name and arguments, as commander reads them. */
  usage: string;
  group: 'Operate' | 'Plan and release' | 'See and decide' | 'Recover and prove';
  summary: string;
  options: [flags: string, description: string, choices?: string[]][];
  examples: string[];
  load: () => Promise<(cli: Cli, request: never) => Promise<number>>;
}

const json: Command['options'][number] = ['--json', 'print JSON to stdout'];
const by: Command['options'][number] = [
  '--by <name>',
  'who says so, as in people.yaml (default: SLIPWAY_USER, else your user name)',
];
const reason: Command['options'][number] = ['--reason <text>', 'why, for the record'];
const detach: Command['options'][number] = ['--detach', 'return once it is started (exit 0)'];
const plan: Command['options'][number] = [
  '--plan <code>',
  'the seven characters that status shows beside the question (required)',
];
const change: Command['options'][number] = [
  '--change <kind>',
  'what the release says of its migrations',
  ['none', 'compatible', 'breaking'],
];
const systems: Command['options'][number] = [
  '--systems <dir>',
  'folder of definitions (default: SLIPWAY_SYSTEMS, else ./systems)',
];

export const commands: Command[] = [
  {
    usage: 'validate [files...]',
    group: 'Operate',
    summary: 'check definitions; needs no server',
    options: [systems, json],
    examples: ['slipway validate', 'slipway validate systems/shop.yaml'],
    load: async () => (await import('../commands/validate.js')).validate,
  },
  {
    usage: 'dev',
    group: 'Operate',
    summary: 'a Temporal server with its UI and a worker, until Ctrl-C',
    options: [
      ['--data <dir>', 'where the server keeps its data (default: .dev-server in the folder of records)'],
      ['--port <number>', 'port of the server (default: 7233)'],
      ['--ui-port <number>', 'port of the UI (default: 8233, or a free one)'],
      ['--host <name>', 'serve the environments of this host (default: localhost)'],
      systems,
    ],
    examples: ['slipway dev', 'slipway dev --data ~/.slipway --port 7300'],
    load: async () => (await import('../commands/dev.js')).dev,
  },
  {
    usage: 'worker',
    group: 'Operate',
    summary: 'serve the environments of this host, and workflows',
    options: [
      ['--host <name>', 'serve the environments of this host (default: the host name)'],
      systems,
      ['--no-workflows', 'leave workflows to other workers'],
      ['--environment <names...>', 'serve these environments alone'],
    ],
    examples: ['slipway worker', 'slipway worker --host shop-1 --systems /etc/slipway/systems --no-workflows'],
    load: async () => (await import('../commands/worker.js')).worker,
  },
  {
    usage: 'adopt <environment> [version]',
    group: 'Plan and release',
    summary: 'note a system that runs already; changes nothing',
    options: [by, reason, detach, json],
    examples: ['slipway adopt shop/local', 'slipway adopt shop/local 1.4.2 --reason "deployed by hand"'],
    load: async () => (await import('../commands/adopt.js')).adopt,
  },
  {
    usage: 'plan <environment> [version]',
    group: 'Plan and release',
    summary: 'show every step with its exact commands; changes nothing',
    options: [change, ['--rollback [version]', 'plan a rollback, to the previous release unless one is named'], json],
    examples: ['slipway plan shop/local 2.0.0', 'slipway plan shop/local --rollback'],
    load: async () => (await import('../commands/plan.js')).plan,
  },
  {
    usage: 'deploy <environment> <version>',
    group: 'Plan and release',
    summary: 'release a version, and follow it to its end',
    options: [change, by, reason, detach, json],
    examples: [
      'slipway deploy shop/local 2.0.0 --change compatible',
      `temporal workflow start --type deploy --task-queue slipway --workflow-id shop/local --fail-existing --input '{"version":"2.0.0"}'`,
    ],
    load: async () => (await import('../commands/deploy.js')).deploy,
  },
  {
    usage: 'rollback <environment> [version]',
    group: 'Plan and release',
    summary: 'take the running deploy back, else go back to an earlier release',
    options: [by, reason, detach, json],
    examples: [
      'slipway rollback shop/local --reason "customers see errors"',
      'slipway rollback shop/local 1.0.0',
      `temporal workflow start --type rollback --task-queue slipway --workflow-id shop/local --fail-existing --input '{}'`,
    ],
    load: async () => (await import('../commands/rollback.js')).rollback,
  },
  {
    usage: 'backup <environment>',
    group: 'Recover and prove',
    summary: 'take a backup, prove it by a restore, copy it; changes nothing live',
    options: [by, reason, detach, json],
    examples: [
      'slipway backup shop/local',
      `temporal workflow start --type backup --task-queue slipway --workflow-id shop/local/backup --fail-existing --input '{}'`,
    ],
    load: async () => (await import('../commands/backup.js')).backup,
  },
  {
    usage: 'backups <environment>',
    group: 'Recover and prove',
    summary: 'list backups, copies and replaced databases; remove what retention does not keep',
    options: [
      ['--prune', 'show what `backup.keep` no longer keeps; removes nothing without --yes'],
      ['--yes', 'with --prune: remove just that'],
      by,
      json,
    ],
    examples: ['slipway backups shop/local', 'slipway backups shop/local --prune --yes'],
    load: async () => (await import('../commands/backups.js')).backups,
  },
  {
    usage: 'rehearse <environment>',
    group: 'Recover and prove',
    summary: 'restore the latest backup into scratch: whether it would serve, and how long it takes',
    options: [by, reason, detach, json],
    examples: [
      'slipway rehearse shop/local',
      `temporal workflow start --type rehearse --task-queue slipway --workflow-id shop/local/rehearse --fail-existing --input '{}'`,
    ],
    load: async () => (await import('../commands/backup.js')).rehearse,
  },
  {
    usage: 'schedule <environment> <action>',
    group: 'Recover and prove',
    summary: 'backups by `backup.schedule`: create, show, pause, resume, remove',
    options: [reason, json],
    examples: ['slipway schedule shop/local create', 'slipway schedule shop/local pause --reason "moving disks"'],
    load: async () => (await import('../commands/schedule.js')).schedule,
  },
  {
    usage: 'status [environment]',
    group: 'See and decide',
    summary: 'version, state and what waits, of one or all',
    options: [json],
    examples: ['slipway status', 'slipway status shop/local --json'],
    load: async () => (await import('../commands/status.js')).status,
  },
  {
    usage: 'check <environment> [names...]',
    group: 'See and decide',
    summary: 'run `verify`, or the named checks, against what runs now; exit 4 when one fails',
    options: [['--watch', 'again and again, until Ctrl-C'], json],
    examples: [
      'slipway check shop/local',
      'slipway check shop/local health login',
      'slipway check shop/local --watch',
      `temporal workflow start --type check --task-queue slipway --workflow-id shop/local/check-1 --fail-existing --input '{"names":["health"]}'`,
    ],
    load: async () => (await import('../commands/check.js')).check,
  },
  {
    usage: 'watch <environment>',
    group: 'See and decide',
    summary: 'follow the run; Ctrl-C leaves it running (exit 0)',
    options: [json],
    examples: ['slipway watch shop/local'],
    load: async () => (await import('../commands/watch.js')).watch,
  },
  {
    usage: 'approve <environment> [gate]',
    group: 'See and decide',
    summary: 'agree to a gate; without a name, to the open one',
    options: [plan, by, reason, json],
    examples: ['slipway approve shop/local go --plan a1b2c3d --by ann'],
    load: async () => (await import('../commands/approve.js')).approve,
  },
  {
    usage: 'reject <environment> [gate]',
    group: 'See and decide',
    summary: 'refuse a gate',
    options: [plan, by, reason, json],
    examples: ['slipway reject shop/local go --plan a1b2c3d --by ann --reason "tickets open"'],
    load: async () => (await import('../commands/reject.js')).reject,
  },
  {
    usage: 'answer <environment> <to> <answer>',
    group: 'See and decide',
    summary: 'answer a check, or a failure: retry, skip, rollback, stop',
    options: [plan, by, ['--note <text>', 'what to remember of it'], json],
    examples: [
      'slipway answer shop/local migrate retry --plan a1b2c3d --by ann',
      'slipway answer shop/local login pass --plan a1b2c3d --by ann',
    ],
    load: async () => (await import('../commands/answer.js')).answer,
  },
  {
    usage: 'cancel <environment>',
    group: 'See and decide',
    summary: 'have the run undo, verify and end',
    options: [reason, json],
    examples: ['slipway cancel shop/local --reason "wrong version"'],
    load: async () => (await import('../commands/cancel.js')).cancel,
  },
  {
    usage: 'recover <environment>',
    group: 'Recover and prove',
    summary: 'show a run that did not end, and the way back by hand',
    options: [by, json],
    examples: ['slipway recover shop/local'],
    load: async () => (await import('../commands/recover.js')).recover,
  },
  {
    usage: 'history <environment>',
    group: 'Recover and prove',
    summary: 'the runs that ended, newest first',
    options: [json],
    examples: ['slipway history shop/local'],
    load: async () => (await import('../commands/history.js')).history,
  },
  {
    usage: 'evidence <environment> [run]',
    group: 'Recover and prove',
    summary: 'the report of a run (the last one), or whether its record is whole',
    options: [['--verify', 'check the record; exit 1 names the first broken entry'], json],
    examples: ['slipway evidence shop/local', 'slipway evidence shop/local 20261121T114252Z-1a2b3c --verify'],
    load: async () => (await import('../commands/evidence.js')).evidence,
  },
];
