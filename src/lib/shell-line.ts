/** One argument as a POSIX shell reads it back, for a line that a person types. */
export function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

/** As `quoted`, with `$NAME` left for the shell to fill in from the variables of the env file. */
export function quotedReference(text: string): string {
  if (!/\$(\{\w+\}|[A-Za-z_])/.test(text)) return quoted(text);
  return `"${text.replace(/[\\"`]|\$(?!\{\w+\}|[A-Za-z_])/g, '\\$&')}"`;
}

/** A command with variables of its own, as a person types it; never what Slipway runs. */
export function shellLine(argv: string[], env: Record<string, string> = {}): string {
  return [...Object.entries(env).map(([name, value]) => `${name}=${quotedReference(value)}`), ...argv.map(quoted)].join(
    ' ',
  );
}
