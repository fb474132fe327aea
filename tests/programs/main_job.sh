#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# time limit: 400 s
# The main job: a big file of real text goes through scripts/run.sh, and through every framing, complete to the byte.
set -u
# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# Real text of at least 50 MB and a million lines: package descriptions if there are any, else documentation.
make_text() {
    local source=$scratch/source
    apt-cache dumpavail >"$source" 2>/dev/null
    [[ $(wc -c <"$source") -gt 1000000 ]] || cat /usr/share/common-licenses/* "$top"/*.md "$top"/*/*.[ch] >"$source"
    while (($(stat -c %s "$scratch/text" 2>/dev/null || echo 0) < 52428800)) ||
        (($(wc -l <"$scratch/text") < 1000000)); do
        cat "$source" >>"$scratch/text"
    done
    rm "$source"
}
make_text
printf '# %s lines, %s bytes\n' "$(wc -l <"$scratch/text")" "$(stat -c %s "$scratch/text")"

new_queue
check_status 'two producers and three consumers: run.sh says 0' 0 \
    "$run_sh" -Q "$queue" -p 2 -c 3 --input "$scratch/text" --output "$scratch/many"
check_same_lines 'two producers and three consumers: every line, each as often' "$scratch/text" "$scratch/many"
rm -f "$scratch/many"

new_queue
check_status 'one producer and one consumer: run.sh says 0' 0 \
    "$run_sh" -Q "$queue" --input "$scratch/text" --output "$scratch/one"
check_same 'one producer and one consumer: identical' "$scratch/text" "$scratch/one"
rm -f "$scratch/one"

# Through the programs themselves, in a queue that is much smaller than the data.
round_trip() { # NAME FILE PRODUCER-OPTIONS -- CONSUMER-OPTIONS
    local name=$1 file=$2 options=()
    shift 2
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    new_queue
    "$consumer" -q -Q "$queue" "$@" >"$scratch/back" 2>"$scratch/consumer.err" &
    local reader=$!
    "$producer" -q -Q "$queue" --capacity 1M --max-message 512K "${options[@]}" <"$file" 2>"$scratch/producer.err" &&
        wait "$reader" && cmp "$file" "$scratch/back" && ok "$name" && return
    not_ok "$name" "$scratch/producer.err" "$scratch/consumer.err"
}
head -c 20000000 /dev/urandom >"$scratch/binary"
round_trip 'text by lines, small queue' "$scratch/text" --
round_trip 'binary in blocks of 4096' "$scratch/binary" --block 4096 -- --raw
head -c 100000 "$scratch/binary" >"$scratch/short"
round_trip 'binary in blocks of 1' "$scratch/short" --block 1 -- --raw
round_trip 'binary in blocks of an odd size' "$scratch/binary" --block 64K -- --raw
(tr '\0' '\1' <"$scratch/binary" | head -c 5000000 && printf '\0') | tr 'ab' '\0\0' >"$scratch/nul"
round_trip 'binary, NUL between messages' "$scratch/nul" -0 -- -0
(printf '\n\n' && head -n 1000 "$scratch/text" && printf '\n\n') >"$scratch/empty"
round_trip 'empty lines' "$scratch/empty" --

# Lengths at the limits: 0, exactly the largest, and one more.
new_queue
limit=5000
{
    printf '\n'
    head -c $limit /dev/zero | tr '\0' x
    printf '\n'
    head -c $((limit + 1)) /dev/zero | tr '\0' y
    printf '\nnever\n'
} >"$scratch/lengths"
check_status 'a line one byte too long: exit 1' 1 \
    "$producer" -Q "$queue" --max-message $limit --input "$scratch/lengths"
check_match 'the error names the line and the limit' "line 3.*$limit" "$scratch/err"
"$consumer" -q -Q "$queue" --grace 10ms >"$scratch/back" 2>"$scratch/consumer.err"
check_equal 'consumers learn that the producer did not finish' 3 $?
head -n 2 "$scratch/lengths" >"$scratch/before"
check_same 'everything before the long line arrived' "$scratch/before" "$scratch/back"
