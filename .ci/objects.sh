#!/bin/sh
# SPDX-License-Identifier: MIT
# Two promises that only the compiled objects can prove: nothing that changes
# is static (two Lua states in one process share no memory), and the library
# never prints, exits, sleeps, takes a signal or touches its host's environment
# and locale (what it reads: TMPDIR and the proxies' variables).
# Usage: objects.sh libgptimage.a
set -eu

[ $# -eq 1 ] || { echo "usage: objects.sh ARCHIVE" >&2; exit 2; }
failed=0

# libcurl wants to be told once a process that it is used; the number of a process
# is the process's; random numbers that were drawn ahead are a thread's own.
allowed=' gim_library.o:global_once gim_library.o:global_result '
allowed="$allowed gim_process.o:once gim_process.o:page gim_net_clock.o:drawn "

# .data.rel.ro is constant once it is loaded: tables of pointers live there.
statics=$(objdump -t "$1" | awk -v allowed="$allowed" '
  /file format/ { object = $1; next }
  # The section itself is a symbol, too.
  index(allowed, " " object $NF " ") || $NF ~ /^\./ { next }
  {
    for (i = 2; i < NF; i++)
      if ($i ~ /^\.(data|bss|tdata|tbss)(\.|$)/ && $i !~ /^\.data\.rel\.ro/)
        print "  " object " " $NF
  }')
if [ -n "$statics" ]; then
  echo "$1: these can change and live for ever:" >&2
  printf '%s\n' "$statics" >&2
  failed=1
fi

banned=' printf fprintf vprintf vfprintf puts fputs putchar fputc perror fopen
 fdopen freopen fread fwrite fflush stdin stdout stderr exit _exit _Exit abort
 atexit quick_exit system popen setenv unsetenv putenv setlocale uselocale
 signal sigaction sigprocmask sprintf vsprintf strcpy strcat strtok gets rand
 srand sleep usleep strtod atof '
calls=$(nm -u "$1" | awk -v banned="$banned" '
  BEGIN { n = split(banned, word); for (i = 1; i <= n; i++) bad[word[i]] = 1 }
  /:$/ { object = $1 }
  NF == 2 && $1 == "U" {
    name = $2
    sub(/^__/, "", name)
    sub(/_chk$/, "", name) # _FORTIFY_SOURCE calls __printf_chk for printf
    sub(/^_IO_/, "", name)
    if (name in bad) print "  " object " " name
  }')
if [ -n "$calls" ]; then
  echo "$1: a library may not use these:" >&2
  printf '%s\n' "$calls" >&2
  failed=1
fi
exit $failed
