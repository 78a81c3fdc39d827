#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what .ci/deps lists for the groups given (none given: all of it).
# Does nothing, and needs no network, when everything is there.
set -eu

list=$(dirname "$0")/deps
wanted=$(awk -v groups=" $* " '
  /^#/ || NF == 0 { next }
  groups ~ /^ *$/ || index(groups, " " $1 " ") { print $2 }' "$list")
if [ -z "$wanted" ]; then
  echo "install.sh: $list has no package for: $*" >&2
  exit 2
fi

if ! command -v dpkg-query >/dev/null; then
  echo "install.sh: not a Debian system, nothing was installed;" \
    "what is needed here is called on Debian:" >&2
  printf '  %s\n' $wanted >&2
  exit 0
fi

missing=
for package in $wanted; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "install.sh: neither root nor sudo; have these installed:$missing" >&2
    exit 1
  fi
  as_root=sudo
fi

echo "installing:$missing"
# Nobody sits in front of a CI run: no question may wait for an answer. A lock
# held by the machine's own updates is waited for.
apt() {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q \
    -o DPkg::Lock::Timeout=300 "$@" </dev/null
}
apt update
# Word splitting is meant: one argument a package.
apt install -y --no-install-recommends $missing
