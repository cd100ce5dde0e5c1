import { fail } from '../../errors.js';
import { dayMs } from '../../lib/day.js';
import type { BackupRules } from '../../model.js';
import type { CommandRequest, StepContext } from '../context.js';
import { whyUnread } from './tool-failure.js';

/** How a stored file was sealed: all that a person needs to open it, but for the secret. */
export type Sealed = { by: 'openssl'; passphrase: string; iterations: number } | { by: 'age'; recipients: string[] };

/** What guessing a passphrase costs: a third of a second for each try, and for each file of ours. */
const iterations = 600_000;

/** As the definition says; undefined where files are stored as they are. */
export function sealOf({ encrypt }: BackupRules): Sealed | undefined {
  if (encrypt?.passphrase) return { by: 'openssl', passphrase: encrypt.passphrase.replace(/^\$/, ''), iterations };
  return encrypt?.recipients ? { by: 'age', recipients: encrypt.recipients } : undefined;
}

export function suffixOf(sealed: Sealed | undefined): string {
  return sealed ? { openssl: '.enc', age: '.age' }[sealed.by] : '';
}

/** Writes `stored` from `plain` with the very program that opens it by hand. Throws ToolMissing, Usage. */
export async function seal(context: StepContext, sealed: Sealed, plain: string, stored: string): Promise<void> {
  const program = await context.tools.find(sealed.by);
  const argv = sealCommand(sealed, program, plain, stored);
  await context.read({ argv, deadlineMs: dayMs, ...(sealed.by === 'openssl' ? secretOf(context, sealed) : {}) });
}

/** The way back. Throws BackupUnusable where the secret does not open it, or it is damaged; NoRoom. */
export async function unseal(context: StepContext, sealed: Sealed, stored: string, plain: string): Promise<void> {
  const program = await context.tools.find(sealed.by);
  try {
    await context.read({ ...unsealRequest(context, sealed, program, stored, plain), deadlineMs: dayMs });
  } catch (error) {
    throw whyUnread(error, `${stored} does not open into ${plain}`);
  }
}

/** Secrets stand by name: openssl reads its passphrase from the environment, and public keys are public. */
export function sealCommand(sealed: Sealed, program: string, plain: string, stored: string): string[] {
  if (sealed.by === 'age')
    return [program, ...sealed.recipients.flatMap((key) => ['--recipient', key]), '--output', stored, plain];
  return [program, 'enc', ...openssl(sealed), '-salt', '-in', plain, '-out', stored];
}

/** What a person types to open a file, beside it. */
export function openByHand(sealed: Sealed, stored: string, plain: string): string {
  return sealed.by === 'age'
    ? `age --decrypt --identity KEY-FILE --output ${plain} ${stored}`
    : ['openssl', 'enc', '-d', ...openssl(sealed), '-in', stored, '-out', plain].join(' ');
}

function unsealRequest(
  context: StepContext,
  sealed: Sealed,
  program: string,
  stored: string,
  plain: string,
): CommandRequest {
  if (sealed.by === 'openssl')
    return {
      argv: [program, 'enc', '-d', ...openssl(sealed), '-in', stored, '-out', plain],
      ...secretOf(context, sealed),
    };
  const identity = context.env.value(context.definition.backup.encrypt?.identity ?? '');
  const argv = (from: string) => [program, '--decrypt', '--identity', from, '--output', plain, stored];
  return identity.startsWith('/') ? { argv: argv(identity) } : { argv: argv('-'), input: `${identity}\n` };
}

function openssl({ passphrase, iterations: rounds }: Extract<Sealed, { by: 'openssl' }>): string[] {
  return ['-aes-256-cbc', '-pbkdf2', '-iter', String(rounds), '-pass', `env:${passphrase}`];
}

/** By the environment: never in an argument. openssl would seal with an empty passphrase without a word. */
function secretOf(
  { env }: StepContext,
  { passphrase }: Extract<Sealed, { by: 'openssl' }>,
): Pick<CommandRequest, 'env'> {
  const value = env.value(`$${passphrase}`);
  if (value === '') throw fail('Usage', `${passphrase} is empty in ${env.path}: backups need a passphrase`);
  return { env: { [passphrase]: value } };
}
