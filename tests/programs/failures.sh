#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# docs/FAILURES.md names the test that shows each failure, docs/QUEUE.md the test of each method: all of these exist.
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

# Checks the last column of each row of the tables.
check_document() { # DOCUMENT LEAST
    local references=0 missing='' bare='' row shown
    grep '^|' "$top/$1" | grep -vi '| shown by |$\|^| ---' >"$scratch/rows"
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
    check_equal "$1: each row names a test" '' "$bare"
    check_equal "$1: each test that is named exists" '' "$missing"
    check "$1: there are many" test "$references" -gt "$2"
}
check_document docs/FAILURES.md 80
check_document docs/QUEUE.md 40

# Each method has a row.
rows=$(grep '^|' "$top/docs/QUEUE.md" | cut -d '|' -f 2)
missing=''
# shellcheck disable=SC2016 # as the document has them
for method in 'Queue(maxsize' 'qsize(' 'empty(' 'full(' 'put(' 'put_nowait(' 'get(' 'get_nowait(' 'task_done(' 'join(' \
    'shutdown(' 'shutdown(immediate' LifoQueue PriorityQueue SimpleQueue '`Empty`' '`Full`' '`ShutDown`' '`ValueError`'; do
    [[ $rows == *"$method"* ]] || missing+="$method "
done
check_equal 'docs/QUEUE.md: no method is missing' '' "$missing"

missing=''
while IFS= read -r name; do
    grep -qF "unit_queue_methods: $name\`" "$top/docs/QUEUE.md" || missing+="$name "
done < <(sed -n 's/^START_TEST(\(.*\))$/\1/p' "$top/tests/unit/unit_queue_methods.c")
check_equal 'docs/QUEUE.md: names each test of the methods' '' "$missing"
