#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# How old the oldest message is, as the monitor shows it. Each message is known to have been put between two moments: when
# it was given to the producer, and when the queue was seen to have it. What the monitor says has to agree within 100 ms.
. "$(dirname "$0")/../support/lib.sh"

now_ms() {
    local now=${EPOCHREALTIME//[!0-9]/}
    printf '%s\n' $((now / 1000))
}

new_queue
given=() # when each message was given and seen, in ms
seen=()

put_was() { # COUNT [QUEUE]
    queue_has put_messages "$1" "${2-$queue}"
}

# Gives LINES lines to the producer that reads descriptor 5, and waits until they are there.
give() { # [LINES]
    local many=${1-1} n=${#given[@]} now i
    now=$(now_ms)
    seq "$many" >&5
    wait_until 20 put_was $((n + many)) || not_ok "$many messages are put"
    for ((i = 0; i < many; i++)); do given+=("$now"); done
    now=$(now_ms)
    for ((i = 0; i < many; i++)); do seen+=("$now"); done
}

start_producer() { # OPTION...
    next_queue
    given=() seen=()
    rm -f "$scratch/fifo"
    mkfifo "$scratch/fifo"
    "$producer" -q -Q "$queue" "$@" <"$scratch/fifo" &
    feeder=$!
    exec 5>"$scratch/fifo"
    wait_until 20 queue_has producers 1 || not_ok 'the producer is there'
}

stop_producer() {
    exec 5>&-
    wait "$feeder"
}

# The oldest message of the queue is the one of that number, from 0.
check_age() { # NAME NUMBER [QUEUE]
    local before after age least most
    before=$(now_ms)
    age=$(queue_field "${3-$queue}" oldest_ns)
    after=$(now_ms)
    [[ $age =~ ^[0-9]+$ ]] || age=-1000000
    age=$((age / 1000000))
    least=$((before - seen[$2] - 100))
    most=$((after - given[$2] + 100))
    if ((age >= least && age <= most)); then ok "$1"; else not_ok "$1" "$age ms, not $least to $most ms"; fi
}

# So that the messages before and after are clearly of different ages.
let_time_pass() {
    local from
    from=$(now_ms)
    wait_until 10 eval "((\$(now_ms) >= $from + 400))"
}

leave() { # COUNT: that many messages, by discarding the oldest
    local messages
    messages=$(queue_field "$queue" messages)
    timeout 60 "$consumer" -q -Q "$queue" --prefetch 1 --count $((messages - $1)) --discard
}

# ------------------------------------------------------------------ with no consumer

for options in '' '--block 2' '--header Key:value'; do
    name="producer ${options:-as usual}"
    # shellcheck disable=SC2086 # several options
    start_producer $options
    check_equal "$name: nothing has no age" null "$(queue_field "$queue" oldest_ns)"
    give
    let_time_pass
    give
    let_time_pass
    check_age "$name: the first is the oldest" 0
    leave 1
    check_age "$name: then the second" 1
    stop_producer
    check_age "$name: also without the producer" 1
done

# ------------------------------------------------------------------ after a burst

start_producer --capacity 4M
give 20000
let_time_pass
for _ in 1 2 3 4; do
    give
    let_time_pass
done
check_age 'burst: the oldest is of the burst' 0
leave 10000
check_age 'burst: the oldest is still of the burst' 10000
leave 5
check_age 'burst: its last is the oldest' 19999
for i in 4 3 2 1; do
    leave $i
    check_age "burst: a slow one behind it, $i left" $((20004 - i))
done
stop_producer

# ------------------------------------------------------------------ a full lane

start_producer --capacity 4K --max-message 1K
give 64
let_time_pass
seq 30 >&5
wait_until 10 is_blocked
check_age 'full: the first is the oldest' 0
leave 20
wait_until 10 put_was 94
check_equal 'full: the highest use is all of the lane' 4096 "$(queue_field "$queue" high_water_bytes)"
stop_producer

# ------------------------------------------------------------------ a stopped consumer, and what it holds

start_producer
give
let_time_pass
give 100
"$consumer" -q -Q "$queue" --prefetch 1 --work 60s &
worker=$!
wait_until 10 is_holding 1
kill -STOP $worker
let_time_pass
check_age 'stopped consumer: what it has is the oldest' 0
kill_now $worker
check_age 'dead consumer: what it had is the oldest' 0
stop_producer

start_producer
give
let_time_pass
give
"$consumer" -q -Q "$queue" --prefetch 1 --backoff 1h:1h --exec 'grep -q x' 2>/dev/null &
worker=$!
wait_until 20 queue_has aside 2
let_time_pass
check_age 'aside: what waits for its next attempt is the oldest' 0
kill_now $worker
check_age 'aside: also without a consumer' 0
stop_producer

# ------------------------------------------------------------------ other queues

start_producer
give
let_time_pass
given[1]=$(now_ms)
timeout 20 "$consumer" -q -Q "$queue" --forward "$queue.there" --count 1
wait_until 10 put_was 1 "$queue.there"
seen[1]=$(now_ms)
let_time_pass
check_age 'forwarded: the copy is as old as itself' 1 "$queue.there"
stop_producer
"$monitor" remove -q --force -- "$queue.there"
