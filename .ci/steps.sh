# SPDX-License-Identifier: MIT
# The steps of .ci/run, in two lanes beside each other. For bash, which sources
# it; $failed is a file with the names of the steps that failed, in either lane.

failed=$(mktemp) aside=$(mktemp)
step_pid='' lane='' lane_pid=''

# Jobs are groups of their own, and do not inherit that Ctrl-C is ignored: the
# specs send it to programs.
set -m

# Whoever ends the run ends its steps, and the lane beside, which ends its own.
end() {
  [ -z "$step_pid" ] || kill -TERM -- "-$step_pid" 2>/dev/null
  [ -z "$lane_pid" ] || kill -TERM "$lane_pid" 2>/dev/null
  exit "$1"
}
trap 'end 130' INT
trap 'end 143' TERM
trap 'rm -f "$failed" "$aside"' EXIT

# step NAME SECONDS COMMAND...: a step that hangs is ended, with all it started.
# Every step runs, whatever came before it.
step() {
  local name=$1 seconds=$2 began=$SECONDS status
  shift 2
  printf '\n=== %s\n' "$name"
  timeout --kill-after=20 "$seconds" "$@" &
  step_pid=$!
  wait "$step_pid"
  status=$?
  # timeout leads the group, and waits for the command alone.
  kill -KILL -- "-$step_pid" 2>/dev/null
  step_pid=''
  if [ "$status" -eq 0 ]; then
    printf '=== %s: passed, %d s\n' "$name" $((SECONDS - began))
  else
    printf '=== %s: FAILED (exit status %d), %d s\n' "$name" "$status" $((SECONDS - began))
    echo "$name" >>"$failed"
  fi
}

# beside LANE: runs the steps of that function beside those that follow. `join`
# waits for them and tells how they went.
beside() {
  lane=$1
  (
    trap 'end 130' INT
    trap 'end 143' TERM
    set -m
    "$lane"
  ) >"$aside" 2>&1 &
  lane_pid=$!
}
join() {
  wait "$lane_pid" || echo "$lane" >>"$failed" # it did not reach its end
  lane_pid=''
  cat "$aside"
}
