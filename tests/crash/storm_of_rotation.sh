#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# time limit: 100000 s
# producer --follow --resume: a log that grows by 20,000 lines a second and is rotated all the time, while the producer is
# killed and started again at random.
#
#   SHMQ_ROTATION_STORM=600     seconds for each way of rotating (8)
. "$(dirname "$0")/../support/lib.sh"

seconds=${SHMQ_ROTATION_STORM:-8}
rate=20000
rotate_ms=(50 300) # so that older files are removed, and their inodes used again
kills=0
new_queue
logs=$scratch/logs

start_producer() {
    "$producer" -Q "$queue" --follow --resume --rotate-wait 1s --input "$logs/$pattern" 2>>"$scratch/producer.log" &
    pid=$!
}

pause() { # MOST-MILLISECONDS
    local text
    printf -v text '0.%03d' $((RANDOM % $1))
    sleep "$text"
}

# Kills the producer at random until the writer has ended; while it is down, the log goes on.
kill_at_random() {
    until has_ended "$writer"; do
        pause 900
        kill_now "$pid"
        kills=$((kills + 1))
        ((RANDOM % 3)) || pause 999
        start_producer
    done
}

is_quiet() { # the producer has put everything: the output grew no more for two seconds
    local size
    size=$(stat -c %s "$scratch/out")
    sleep 2
    [[ $(stat -c %s "$scratch/out") == "$size" ]]
}

# Sets written, result and told, the bytes that the producers said were lost.
storm() { # HOW PATTERN
    pattern=$2
    next_queue
    rm -rf -- "$logs"
    mkdir "$logs"
    : >"$scratch/out"
    : >"$scratch/producer.log"
    kills=0
    "$producer" -q -Q "$queue" </dev/null
    "$consumer" -q -Q "$queue" --follow >"$scratch/out" 2>"$scratch/consumer.log" &
    reader=$!
    "$build/tests/tool_log" write "$1" "$logs/app.log" "$seconds" "$rate" "${rotate_ms[@]}" >"$scratch/written" &
    writer=$!
    start_producer
    kill_at_random
    wait "$writer"
    wait_until 120 is_quiet
    kill -TERM "$pid"
    end_status "$1, $2: the producer ends" 0 "$pid" "$scratch/producer.log"
    wait_until 60 is_empty
    kill_now "$reader"
    read -r written <"$scratch/written"
    result=$("$build/tests/tool_log" check "$written" <"$scratch/out")
    told=$(sed -n 's/.*before \([0-9]*\) bytes\{0,1\} .*/\1/p' "$scratch/producer.log" | awk '{ sum += $1 } END { print sum + 0 }')
    printf '# %s, %s: %d lines, %d kills: %s; %d bytes told as lost\n' "$1" "$2" "$written" "$kills" "$result" "$told"
}

is_empty() {
    "$monitor" wait "$queue" --empty --timeout 1s 2>/dev/null
}

exact='0 lost, 0 doubled, 0 out of order, 0 broken'

storm rename app.log
check_equal 'renamed: each line once, in order' "$exact" "$result" || sed 's/^/#   /' "$scratch/producer.log" | tail -n 20

storm rename 'app.log*'
check_equal 'renamed, and older files match: each line once' "$exact" "$result" ||
    sed 's/^/#   /' "$scratch/producer.log" | tail -n 20

storm copy app.log
check_equal 'copied and truncated: each line once, in order' "$exact" "$result" ||
    sed 's/^/#   /' "$scratch/producer.log" | tail -n 20

# Nothing can be read of what is gone; but nothing else may be lost.
storm truncate app.log
check_match 'truncated: no line twice, in order, none broken' '^[0-9]+ lost, 0 doubled, 0 out of order, 0 broken$' \
    <(printf '%s\n' "$result")
lost=${result%% *}
told_lost() {
    ((lost == 0 || told > 0)) || grep -q 'is lost, if anything' "$scratch/producer.log"
}
check 'and it is told when something may be lost' told_lost
check 'as far as it is known, and no more than that' test "$told" -le $((lost * 10))

check_equal 'nothing is left in /dev/shm' '' "$(find /dev/shm -name "*shmq.$SHMQ_TEST_PREFIX*" ! -name "*$queue*")"
