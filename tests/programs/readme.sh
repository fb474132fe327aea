#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs every block of commands in README.md as a user would paste it, but with this test's own names of queues and files.
set -u
# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
cd "$top" || exit 1

export SHMQ_QUEUE=$SHMQ_TEST_PREFIX.default
mkdir "$scratch/blocks" "$scratch/demo"

own_names() {
    sed -E -e "s|/tmp/shmq-demo|$scratch/demo|g" -e "s|build/|$build/|g" -e '/^make$/d' \
        -e "s|/dev/shm/shmq\.|/dev/shm/shmq.$SHMQ_TEST_PREFIX.|g" \
        -e "s/--forward ([a-z]+),([a-z]+)/--forward $SHMQ_TEST_PREFIX.\1,$SHMQ_TEST_PREFIX.\2/g" \
        -e "s/(-Q |monitor (remove|save|doctor|show|events|check|peek|drop|kick|purge|pause|resume) |&q, \")([a-z]+)/\1$SHMQ_TEST_PREFIX.\3/g"
}

# One file per block, in order.
own_names <README.md | awk -v directory="$scratch/blocks" '
    /^```sh$/ { file = sprintf("%s/%02d", directory, ++count); next }
    /^```$/ { file = "" }
    file != "" { print > file }'

for block in "$scratch"/blocks/*; do
    name="block ${block##*/}: $(grep -m 1 -v -e '^cat' -e '^#' "$block" | sed "s|$scratch/||g; s|$build/||g" | cut -c 1-70)"
    if timeout 60 bash -e -o pipefail "$block" >"$scratch/out.log" 2>&1; then
        ok "$name"
    else
        not_ok "$name" "$scratch/out.log"
    fi
done

check_equal 'the README has its examples' 24 "$(find "$scratch/blocks" -type f | wc -l)"

# The line for cron: what cron gives to the shell, which ends at a %.
new_queue
put -- a
cron=$(sed -n 's/^ *\*\/5 \* \* \* \*  shmq  //p' README.md)
check_equal 'cron: one line' 1 "$(wc -l <<<"$cron")"
check_equal 'cron: no % ends it' "$cron" "${cron%%%*}"
cron=${cron/'/usr/local/bin/shmq-monitor'/"'$monitor'"} # installed, and any age is too old
check_match 'cron: it works' "^$queue +ok " <(sh -c "${cron/5m/0s}" 2>&1)
"$monitor" remove -q --force "$queue"

check_equal 'every one left its queue removed' '' "$(find /dev/shm -name "*$SHMQ_TEST_PREFIX*")"
