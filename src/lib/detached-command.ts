/**
 * Runs one command so that its outcome can be found again whatever happens to the worker. Constant, with the folder, the
 * deadline in seconds, a shell line and the command as positional parameters. In this order:
 * 1. `claim`: whoever makes it runs the command; anybody else leaves.
 * 2. `process`: boot id, pid and start time, on the disk before the command begins: a command with a claim but without a
 *    living process and an exit code is one whose outcome nobody knows.
 * 3. the command, with all output in a file: a daemon that it leaves behind keeps no pipe open.
 * 4. the shell line, where the deadline or a signal ended the command: it ends what that leaves elsewhere, whether a worker lives or not.
 * 5. `exit`: the exit code, on the disk. Its room is taken before the command begins, which may fill the disk.
 * Its variables carry a prefix, since an exported variable of the same name would reach the command changed.
 */
export const detachedScript = `
slipway_folder=$1 slipway_deadline=$2 slipway_after=$3
shift 3
slipway_umask=$(umask)
umask 077
PATH=\${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin
mkdir "$slipway_folder/claim" 2>/dev/null || exit 0
slipway_start() { slipway_started=\${20}; }
read -r slipway_stat </proc/self/stat
slipway_start \${slipway_stat##*) }
read -r slipway_boot </proc/sys/kernel/random/boot_id
printf '%s\\n' "$slipway_boot $$ $slipway_started" >"$slipway_folder/process.tmp" &&
  printf '%-9s\\n' '' >"$slipway_folder/exit.tmp" && : >>"$slipway_folder/output.raw" &&
  mv -f "$slipway_folder/process.tmp" "$slipway_folder/process" &&
  sync "$slipway_folder/process" "$slipway_folder/exit.tmp" "$slipway_folder" || {
    rm -f "$slipway_folder/process.tmp" "$slipway_folder/process" "$slipway_folder/exit.tmp"
    rmdir "$slipway_folder/claim"
    exit 1
  }
(
  umask "$slipway_umask"
  exec timeout -k 10 "$slipway_deadline" "$@"
) </dev/null >>"$slipway_folder/output.raw" 2>&1
slipway_code=$?
[ -z "$slipway_after" ] || [ "$slipway_code" -lt 124 ] || timeout -k 10 60 /bin/sh -c "$slipway_after" </dev/null >/dev/null 2>&1
printf '%-9s\\n' "$slipway_code" 1<>"$slipway_folder/exit.tmp"
mv -f "$slipway_folder/exit.tmp" "$slipway_folder/exit"
sync "$slipway_folder/exit" "$slipway_folder"
`;
