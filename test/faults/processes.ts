import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Found {
  pid: number;
  command: string;
}

/** Processes, zombies left out, that work in the folder or name it: what a release there has started, and its worker. */
export function processesOf(folder: string): Found[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return pids.flatMap((name) => {
    const command = read(() => readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim());
    const directory = read(() => readlinkSync(`/proc/${name}/cwd`));
    return command && (command.includes(folder) || directory.startsWith(folder))
      ? [{ pid: Number(name), command }]
      : [];
  });
}

/** One that ends while it is looked at is none. */
function read(look: () => string): string {
  try {
    return look();
  } catch {
    return '';
  }
}
