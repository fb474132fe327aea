#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Compares the error codes that can leave each public function of the library with the Return list of its comment in
# shmq.h. `make lint` runs it; how it works stands in lint_errors.awk.
#
#   lint_errors.sh [--list] [DIR]
#
#   --list   print what can leave each public function (SYS: other system errors)
#   DIR      sources of the library, which hold shmq.h; common/ of this checkout if left out
#
# Exit status: 0 all lists are right; 1 not.
set -u
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd) || exit 1
list=0
if [[ ${1-} == --list ]]; then
    list=1
    shift
fi
sources=${1-common}
(($#)) || cd -- "$here/.." || exit 1
# cli/ and nats/ are no part of the library.
mapfile -t files < <(find "$sources" \( -name cli -o -name nats \) -prune -o -name '*.[ch]' -print | LC_ALL=C sort)
public=$(find "$sources" -name shmq.h)
[[ -f $public ]] || {
    echo "lint: $sources: no shmq.h, or several" >&2
    exit 1
}
LC_ALL=C exec awk -v public="$public" -v show=$list -f "$here/lint_errors.awk" "${files[@]}"
