#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# docs/FAILURES.md names the test that shows each failure: all of these tests exist.
. "$(dirname "$0")/../support/lib.sh"

# Whether "FILE: TEST" or "FILE" exists. A shell test is named by a part of its message.
exists() { # REFERENCE
    local file=${1%%: *} name='' path
    [[ $1 == *': '* ]] && name=${1#*: }
    for path in "$top"/tests/*/"$file.c" "$top"/tests/*/"$file" "$top/tests/$file"; do
        [[ -f $path ]] || continue
        [[ ! $name ]] && return
        if [[ $path == *.c ]]; then
            grep -qF -e "START_TEST($name)" -e "\"$name\"" "$path"
        else
            grep -qF -e "$name" "$path"
        fi
        return
    done
    return 1
}

# The last column of each row.
grep '^|' "$top/docs/FAILURES.md" | grep -v '^| Failure |\|^| ---' >"$scratch/rows"
references=0 missing='' bare=''
while IFS= read -r row; do
    shown=${row% |}
    shown=${shown##*| }
    [[ $shown == *'`'* ]] || bare+="$row"$'\n'
    while [[ $shown =~ \`([^\`]*)\`(.*) ]]; do
        references=$((references + 1))
        shown=${BASH_REMATCH[2]}
        exists "${BASH_REMATCH[1]}" || missing+="${BASH_REMATCH[1]}"$'\n'
    done
done <"$scratch/rows"
check_equal 'each failure names a test' '' "$bare"
check_equal 'each test that is named exists' '' "$missing"
check 'there are many' test "$references" -gt 80
