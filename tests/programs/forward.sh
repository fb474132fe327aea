#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# consumer --forward: each message goes into every queue, once, with what belongs to it, at each queue's own pace.
# shellcheck disable=SC2016 # what is in single quotes is for the shells of --exec
. "$(dirname "$0")/../support/lib.sh"

# New queues: $queue, $one, $two, $three. None of them is there yet.
begin() {
    new_queue
    one=$queue.one two=$queue.two three=$queue.three dead=$queue.dead
}

forward() { # OPTION...
    timeout 60 "$consumer" -Q "$queue" "$@"
}

# Starts a forwarder in the background; sets pid.
start() { # OPTION...
    : >"$scratch/run.log"
    "$consumer" -Q "$queue" "$@" 2>"$scratch/run.log" </dev/null &
    pid=$!
}

# What is in a queue, a line for each message, until its stream ends.
drain() { # QUEUE [OPTION...]
    timeout 60 "$consumer" -q -Q "$@"
}

unfinished() { # QUEUE COUNT
    queue_has unfinished "$2" "$1"
}

# ------------------------------------------------------------------ fan-out

begin
seq 3000 >"$scratch/expected"
put --input "$scratch/expected"
check_status 'three queues: exit 0' 0 forward --forward "$one,$two,$three"
for name in "$one" "$two" "$three"; do
    drain "$name" >"$scratch/out"
    check_equal "three queues: ${name##*.}: its stream has ended" 0 $?
    check_same "three queues: ${name##*.}: all, in order" "$scratch/expected" "$scratch/out"
done
check 'three queues: nothing is left' queue_has messages 0

# Headers and framing go along, and the id under which a message was first put, through a chain.
begin
put --header 'Color: dark red' -- a
printf 'b|c' | put --delimiter '|'
id=$("$monitor" peek --json "$queue" | grep -o '"id": "[^"]*"' | head -n 1 | cut -d '"' -f 4)
forward -q --forward "$one"
queue=$one forward -q --forward "$two,$three"
check_equal 'a chain: headers, and the first id' "a dark red $id" \
    "$(drain "$three" --count 1 --exec 'echo "$(cat) $SHMQ_HEADER_COLOR $SHMQ_HEADER_SHMQ_ID"')"
drain "$two" --mirror "$scratch/lane%l"
check_equal 'a chain: the framing is that of the source' 'a
b|c' "$(cat "$scratch"/lane*)"

# ------------------------------------------------------------------ the queues

begin
put --capacity 64K --max-message 1K --lanes 5 --seats 7 --mode 0640 -- a
forward -q --forward "$one"
check_equal 'a missing queue is made like this one' '65536 1152 7 7 0640' \
    "$(for field in capacity_bytes max_message_bytes lanes seats mode; do queue_field "$one" "$field"; done | tr '\n' ' ' | sed 's/ $//')"
begin
put -- a
"$producer" -q -Q "$one" --lanes 9 --
forward -q --forward "$one"
check_equal 'a queue that is there stays as it is' 9 "$(queue_field "$one" lanes)"
check_equal 'a queue that is there gets them' a "$(drain "$one")"

begin
put -- a
"$producer" -q -Q "$one" --
"$monitor" shutdown -q "$one"
check_status 'a queue that was shut down: exit 1' 1 forward --forward "$one,$two"
check_match 'a queue that was shut down: is named' "^consumer: --forward: queue '$one': the queue was shut down" "$scratch/err"
check 'a queue that was shut down: the message stays' queue_has messages 1

begin
put -- a b
start --forward "$one" --follow
check 'removed meanwhile: it forwards' wait_until 10 queue_has messages 2 "$one"
"$monitor" remove -q --force "$one"
put -- c
end_status 'removed meanwhile: exit 5' 5
check_match 'removed meanwhile: it is named' "^consumer: --forward: queue '$one': the queue was removed" "$scratch/run.log"
check 'removed meanwhile: what it did not get stays' queue_has messages 1

# ------------------------------------------------------------------ how full queues hold up others, or do not

fill=(--random --count)
narrow=(--capacity 4K) # a lane of 64 cells: forwarded, a message takes two
begin
put "${fill[@]}" 60
"$producer" -q -Q "$one" "${narrow[@]}" --
start --forward "$one,$two"
check 'a full queue: the wait is said, and for what' wait_until 10 \
    grep -Eq "^consumer: waiting for room in queue '$one': its lane is full, and no consumer is attached$" "$scratch/run.log"
check 'a full queue: the other one gets what was leased' queue_has messages 60 "$two"
check_equal 'a full queue: it has what fits' 32 "$(queue_field "$one" messages)"
kill -TERM "$pid"
end_status 'a full queue, SIGTERM: exit 0' 0
check_equal 'a full queue, SIGTERM: what it lacks stays here' 28 "$(queue_field "$queue" messages)"
drain "$one" --idle 100ms >"$scratch/one" # its stream goes on
start --forward "$one,$two"
end_status 'a full queue: later it gets the rest' 0
drain "$one" >>"$scratch/one"
drain "$two" >"$scratch/two"
check_equal 'a full queue: all' 60 "$(wc -l <"$scratch/two")"
check_same 'a full queue: each once, in order' "$scratch/two" "$scratch/one"

begin
put "${fill[@]}" 60
"$producer" -q -Q "$one" "${narrow[@]}" --
"$monitor" pause -q "$one"
start --forward "$one"
check 'a paused queue: is said' wait_until 10 grep -q "waiting for room in queue '$one': .*paused (see 'monitor resume $one')" "$scratch/run.log"
"$monitor" resume -q "$one"
drain "$one" >"$scratch/one"
end_status 'a paused queue: later, exit 0' 0
check_equal 'a paused queue: all' 60 "$(wc -l <"$scratch/one")"

begin
put "${fill[@]}" 60
"$producer" -q -Q "$one" "${narrow[@]}" --
check_status 'drop: exit 0' 0 forward --forward "$one,$two" --forward-full "drop:$one" --progress
check_match 'drop: is said' "^consumer: --forward-full: 28 messages were dropped for queue '$one', which was full$" "$scratch/err"
check_match 'drop: the last words count them' 'consumed 60 messages,.*, 28 dropped$' "$scratch/err"
check_equal 'drop: the queue counts them' 28 "$(queue_field "$queue" dropped)"
check_equal 'drop: the others get all' 60 "$(drain "$two" | wc -l)"
check_equal 'drop: it has what fits' 32 "$(drain "$one" | wc -l)"

begin
put "${fill[@]}" 60
"$producer" -q -Q "$one" "${narrow[@]}" --
start --forward "$one" --forward-full "drop:$one" --follow
wait_until 10 queue_has messages 0
kill -USR1 "$pid"
check 'drop: SIGUSR1 tells how many' wait_until 10 grep -q 'consumed 60 messages,.*, 28 dropped$' "$scratch/run.log"
kill -TERM "$pid"
end_status 'drop, SIGTERM: exit 0' 0

# ------------------------------------------------------------------ messages that are too long for a queue

too_long() {
    begin
    "$producer" -q -Q "$two" --max-message 200 --
    put -- a "$(printf '%0200d' 0)" b "$(printf '%0150d' 0)" c
}
too_long
check_status 'too long: exit 6' 6 forward --forward "$one,$two"
check_match 'too long: is said' "^consumer: --forward: message .*: too long for queue '$two', whose largest message is 200, headers included .moved to queue '$dead'" "$scratch/err"
check_equal 'too long: the queue counts them' '2 2' "$(queue_field "$queue" too_long) $(queue_field "$queue" dead_letters)"
check_equal 'too long: the others go on' 'a b c ' "$(drain "$two" | tr '\n' ' ')"
check_equal 'too long: the first queue has each once' '150 200 a b c ' \
    "$(drain "$one" | awk '{ print (length($0) > 1 ? length($0) : $0) }' | sort | tr '\n' ' ')"
check_equal 'too long: the dead letters name the queue' "150 $queue $two
200 $queue $two" "$(letters_with SHMQ_QUEUE SHMQ_REASON | awk '{ print length($1), $2, $7 }' | tr -d "'," | sort -n)"

too_long
check_status 'too long, no dead letters: exit 1' 1 forward --forward "$one,$two" --dead-letter none
check_match 'too long, no dead letters: what to do is said' "too long for queue '$two', whose largest message is 200, headers included .it stays in the queue; make '$two' anew with a larger --max-message, or give a --dead-letter QUEUE" \
    "$scratch/err"
check_equal 'too long, no dead letters: all from there on stays' 4 "$(queue_field "$queue" messages)"
too_long
check_status 'too long, --max-failures: exit 6' 6 forward --forward "$one,$two" --max-failures 1
check_equal 'too long, --max-failures: the rest stays' 3 "$(queue_field "$queue" messages)"

# ------------------------------------------------------------------ several forwarders, and the end of the stream

begin
put -- a
start --forward "$one" --follow
check 'killed: it has forwarded' wait_until 10 queue_has messages 1 "$one"
kill_now "$pid"
check 'killed: its stream there is unfinished' unfinished "$one" 1
check_status 'killed: readers there wait for their grace: exit 3' 3 drain "$one" --grace 10ms
put -- b
check_status 'its successor: exit 0' 0 forward --forward "$one"
check_equal 'its successor goes on' b "$(drain "$one")"
check 'its successor ends the stream' unfinished "$one" 0

# Then one ends before it has come to where the killed one was: the others' messages are not put again, even if
# another producer would like to have the lane.
begin
seq 100 >"$scratch/expected"
put --input "$scratch/expected"
"$producer" -q -Q "$one" --capacity 4K --lanes 1 --
start --forward "$one"
check 'killed, then --count: the queue is full' wait_until 10 grep -q 'waiting for room' "$scratch/run.log"
kill_now "$pid"
check_status 'killed, then --count: exit 0' 0 forward --forward "$one" --count 5
check_match 'killed, then --count: says that the rest is missing' "^consumer: --forward: queue '$one' waits for the rest" \
    "$scratch/err"
check_status 'killed, then --count: the stream there is unfinished' 3 drain "$one" --grace 10ms --output "$scratch/all"
check_status 'killed, then --count: nobody gets its lane' 4 "$producer" -q -Q "$one" --timeout 100ms -- other
start --forward "$one"
drain "$one" >>"$scratch/all"
end_status 'killed, then --count: the rest' 0
check_same 'killed, then --count: each once' "$scratch/expected" "$scratch/all"

# Several were killed; those that end leave nothing unfinished, and what is alive is waited for.
begin
"$producer" -Q "$queue" -q -- a
pids=()
for _ in 1 2 3 4; do
    "$consumer" -q -Q "$queue" --forward "$one,$two" --follow &
    pids+=($!)
done
wait_until 10 queue_has producers 4 "$two"
seq 2000 | put
wait_until 20 queue_has messages 0
for pid in "${pids[@]}"; do
    kill_now "$pid"
done
start --forward "$one,$two" --follow
wait_until 10 queue_has producers 1 "$two"
forward -q --forward "$one,$two"
check 'several were killed: what is alive is waited for' queue_has producers 1 "$two"
check 'several were killed: the others are finished' unfinished "$two" 0
kill -TERM "$pid"
end_status 'several were killed: the last one' 0
forward -q --forward "$one,$two"
drain "$one" >"$scratch/one"
check_equal 'several were killed: the stream ends' 0 $?
sort -n "$scratch/one" >"$scratch/sorted"
{ echo a; seq 2000; } | sort -n >"$scratch/expected"
check_same 'several were killed: each once' "$scratch/expected" "$scratch/sorted"

# How it ends says whether the stream there ends.
ends() { # NAME STATUS FINISHED OPTION...
    local name=$1 status=$2 finished=$3
    shift 3
    check_status "$name: exit $status" "$status" forward --forward "$one" "$@"
    check_equal "$name: clean ends there" "$finished" "$(queue_field "$one" finished)"
}
begin
put -- a b c
ends '--count' 0 1 --count 2
check_equal '--count: as many' 'a b ' "$(drain "$one" | tr '\n' ' ')"
ends '--idle, after messages' 0 2 --follow --idle 50ms
ends '--idle, nothing came' 4 2 --follow --idle 50ms
begin
put -- a
start --forward "$one" --follow
wait_until 10 queue_has messages 1 "$one"
kill -TERM "$pid"
end_status 'SIGTERM: exit 0' 0
check 'SIGTERM: the stream there is unfinished' unfinished "$one" 1
ends 'started again' 0 1
begin
put -- a
"$producer" -q -Q "$queue" --rate 1 -- b c 2>/dev/null &
pid=$!
wait_until 10 queue_has messages 2
kill_now "$pid"
ends 'a producer died here' 3 0 --grace 10ms
check 'a producer died here: the stream there is unfinished' unfinished "$one" 1

# --producers of a reader counts forwarders.
begin
put -- a
forward -q --forward "$one" --count 1
put -- b
(drain "$one" --producers 2 >"$scratch/out"; echo $? >>"$scratch/out") &
reader=$!
forward -q --forward "$one"
wait "$reader"
check_equal '--producers: each end counts' 'a b 0 ' "$(tr '\n' ' ' <"$scratch/out")"

# ------------------------------------------------------------------ usage

usage() { # EXTENDED-REGEX ARGUMENT...
    check_usage consumer "$consumer" "$@"
}
usage 'is the queue itself' -Q a --forward b,a
usage 'named twice' -Q a --forward b,c,b
usage 'QUEUE\[,QUEUE' -Q a --forward b,,c
usage 'QUEUE\[,QUEUE' -Q a --forward b/c
usage 'at most 200' -Q a --forward "$(printf '%0201d' 0)"
usage 'is the dead-letter queue' -Q a --forward b,a.dead
usage 'is the dead-letter queue' -Q a --forward b --dead-letter b
usage 'only one sink' -Q a --forward b --discard
usage 'only one sink' -Q a --forward b -- true
usage 'given twice' -Q a --forward b --forward c
usage '--jobs needs' -Q a --forward b --jobs 2
usage '--batch needs' -Q a --forward b --batch 2
usage '--retries needs' -Q a --forward b --retries 2
usage 'cannot be combined' -Q a --forward b --null
usage 'drop:QUEUE' -Q a --forward b --forward-full b
usage 'is not among' -Q a --forward b --forward-full drop:c
usage '--forward-full needs --forward' -Q a --forward-full drop:c --discard

printf '%d passed, %d failed\n' "$passed" "$failed"
