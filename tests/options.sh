#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The programs' tables of options, and what is made of them: --help, and what a program with verbs takes and refuses.
. "$(dirname "$0")/lib.sh"

for name in producer consumer monitor supervisor; do
    check_status "$name --help" 0 "$build/$name" --help
    check_equal "$name --help fits a terminal of 80 columns" '' "$(awk 'length > 80' "$scratch/out")"
    check_equal "$name --help ends with three examples" 3 "$(sed '1,/^Examples:$/d' "$scratch/out" | grep -cE "^  (.*\| )?$name ")"
    check "$name --help has sections" test "$(grep -c '^[A-Z].*:$' "$scratch/out")" -ge 3
done

# ------------------------------------------------------------------ verbs

check_status 'an option of another verb: exit 2' 2 "$monitor" list --force
check_match 'an option of another verb: is named' '^monitor: list: takes no --force$' "$scratch/err"
check_status 'options before the verb, between and after' 4 "$monitor" --quiet wait -Q no-such.queue --timeout 1ms no-such.queue.2
