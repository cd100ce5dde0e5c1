import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';

/** Reads `+ GROUP` and `- GROUP`; at the end of its input, which is the end of the worker, it kills the groups that are left. */
const guardScript = `
groups=
while read -r sign group; do
  rest=
  for other in $groups; do [ "$other" = "$group" ] || rest="$rest $other"; done
  groups=$rest
  [ "$sign" = + ] && groups="$groups $group"
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
`;

const guarded = new Set<number>();
let guard: ChildProcess | undefined;

/** Has the guard there before a command begins: starting one takes longer than a command needs to start others. */
export function readyGuard(): void {
  guard ??= startGuard();
}

/**
 * Has the whole process group killed should this process end in any way, even by SIGKILL; call the returned function once
 * the group is gone. A parent-death signal reaches only the child itself, never the processes that it started.
 */
export function guardGroup(group: number): () => void {
  guarded.add(group);
  if (guard) tell(guard, '+', group);
  else readyGuard();
  return () => {
    guarded.delete(group);
    if (guard) tell(guard, '-', group);
  };
}

/** One for all commands of this process. */
function startGuard(): ChildProcess {
  // Away from this process's group and session: a Ctrl-C in a terminal must not end it first.
  const child = spawn('/bin/sh', ['-c', guardScript], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
  });
  const lost = (): void => {
    if (guard === child) guard = undefined;
  };
  child.once('exit', lost).once('error', lost);
  child.stdin.on('error', lost);
  child.unref();
  (child.stdin as unknown as Socket).unref();
  for (const group of guarded) tell(child, '+', group);
  return child;
}

function tell(child: ChildProcess, sign: '+' | '-', group: number): void {
  child.stdin?.write(`${sign} ${group}\n`);
}
