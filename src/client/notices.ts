import { workflowQueue } from '../lib/connection.js';
import { formatTime } from '../view/duration.js';
import type { Cli } from './cli.js';
import type { Pending } from './pending.js';

/** How long a run may stay silent before it is said that no worker answers. */
const PATIENCE_MS = 3000;

/** Says once what a run waits for besides people, and once that it goes on. */
export class Notices {
  private told: '' | 'server' | 'workflow' | 'host' = '';
  private lastAnswer = Date.now();

  constructor(
    private readonly cli: Cli,
    private readonly environment: string,
  ) {}

  server(): void {
    this.tell('server', 'the Temporal server does not answer; the run is safe there, waiting for it');
  }

  show({ answered, pending }: { answered: boolean; pending: Pending[] }): void {
    const unserved = pending.find((one) => one.unservedSince)?.unservedSince;
    if (answered) this.lastAnswer = Date.now();
    if (unserved)
      this.tell(
        'host',
        `no worker serves ${this.environment} (since ${formatTime(unserved)}): start \`slipway worker\` on its host; the run waits`,
      );
    else if (Date.now() - this.lastAnswer >= PATIENCE_MS) {
      const since = formatTime(new Date(this.lastAnswer).toISOString());
      this.tell(
        'workflow',
        `no workflow worker answers on queue ${workflowQueue} (since ${since}): start \`slipway worker\`; the run waits`,
      );
    } else if (answered) this.tell('', 'the run goes on');
  }

  private tell(what: typeof this.told, text: string): void {
    if (this.told === what) return;
    this.told = what;
    this.cli.say(`${this.cli.sayStyle.mark(what ? 'note' : 'running')} ${text}`);
  }
}
