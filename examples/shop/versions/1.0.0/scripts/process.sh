# Whether the process of run/shop.pid is the shop; sets pid. A number that another process got since does not count.
runs() {
  pid=$(cat run/shop.pid 2>/dev/null) || return 1
  [ -n "$pid" ] || return 1
  tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q '^node src/server.js'
}
