import { readFileSync } from 'node:fs';
import { Command as Commander, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Cli } from './cli.js';
import { commands, type Command } from './commands.js';

const exitCodes = `
Exit codes: 0 as asked; 1 nothing changed, or it could not be done; 2 usage; 3 rolled back; 4 no-go, refused or expired;
5 unverified, stopped, or a failure waits for an answer; 130 left by Ctrl-C while the run goes on.
Settings: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE (and all that \`temporal config\` knows), SLIPWAY_SYSTEMS, SLIPWAY_STATE, SLIPWAY_USER,
SLIPWAY_UI (address of Temporal's UI, for links), SLIPWAY_DEBUG (shows stacks), NO_COLOR, FORCE_COLOR.`;

/** Runs one command line, without the program's name, and tells its exit code. Never throws. */
export async function runCli(args: string[], cli: Cli): Promise<number> {
  let code = 0;
  const program = createProgram(cli, (result) => (code = result));
  try {
    await program.parseAsync(args.length > 0 ? args : ['--help'], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return explain(cli, error);
  }
}

function createProgram(cli: Cli, done: (code: number) => void): Commander {
  const program = new Commander('slipway');
  program
    .description('Releases you can take back.')
    .version(packageVersion(), '--version', 'print the version')
    .option('--address <host:port>', 'the Temporal server (default: TEMPORAL_ADDRESS, else 127.0.0.1:7233)')
    .option('--namespace <name>', 'its namespace (default: TEMPORAL_NAMESPACE, else default)')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help of a command')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', exitCodes);
  for (const command of commands) program.addCommand(createCommand(command, cli, done));
  for (const one of [program, ...program.commands]) {
    one.exitOverride().configureOutput({
      writeOut: (text) => cli.out(text.trimEnd()),
      writeErr: (text) => cli.say(text.trimEnd()),
      outputError: (text, write) =>
        write(
          `usage: ${usageOf(program, one)}\nslipway: ${text
            .replace(/^error: /, '')
            .replace(/\n\(Did/, ' (Did')
            .replace(
              /'--plan <code>' not specified/,
              "'--plan <code>' not specified: slipway status ENVIRONMENT shows it",
            )}`,
        ),
    });
  }
  return program;
}

function createCommand(
  { usage, group, summary, options, examples, load }: Command,
  cli: Cli,
  done: (code: number) => void,
): Commander {
  const [name = '', ...args] = usage.split(' ');
  const command = new Commander(name).description(summary).helpGroup(`${group}:`);
  for (const arg of args) {
    if (/environment/.test(arg)) command.argument(arg, 'system/environment', environmentName);
    else command.argument(arg);
  }
  for (const [flags, description, choices] of options) {
    const option = new Option(flags, description);
    if (choices) option.choices(choices);
    if (description.endsWith('(required)')) option.makeOptionMandatory();
    command.addOption(option);
  }
  command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}`);
  return command.action(async () => {
    const given = Object.fromEntries(
      command.registeredArguments.map((argument, i) => [argument.name(), command.processedArgs[i] as unknown]),
    );
    const run = await load();
    done(await run(cli, { ...command.optsWithGlobals<object>(), ...given } as never));
  });
}

function environmentName(text: string): string {
  if (/^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/.test(text)) return text;
  throw new InvalidArgumentError('Write system/environment, such as shop/local.');
}

/** One line that says what is wrong; what failed without a name shows its stack to who asks for it. */
async function explain(cli: Cli, error: unknown): Promise<number> {
  const [{ failureType, rootMessage }, { exitOfFailure }] = await Promise.all([
    import('../errors.js'),
    import('../exit-codes.js'),
  ]);
  const lines = rootMessage(error).trim().split('\n');
  const type = failureType(error);
  // A definition has one line for each error; anything else is said in one.
  for (const line of type === 'BadDefinition' ? lines : lines.slice(0, 1)) cli.say(`slipway: ${line}`);
  if (cli.env.SLIPWAY_DEBUG && error instanceof Error) cli.say(error.stack ?? '');
  return exitOfFailure(type);
}

function usageOf(program: Commander, command: Commander): string {
  return command === program ? 'slipway COMMAND' : `slipway ${command.name()} ${command.usage()}`;
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
