#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# producer --from: what a durable of JetStream has comes into the queue, each message once and in order, whatever dies.
#
# SHMQ_NATS_STORM=N: so many messages in the storms (10000).
. "$(dirname "$0")/../support/lib.sh"
. "$top/tests/support/nats.sh"

nats_needed || exit 0
nats_start 1 || exit 1
new_queue

messages=${SHMQ_NATS_STORM:-10000}
second=1000000000

from() { # OPTION...
    timeout 120 "$producer" -Q "$queue" --from "$NATS_URL" --stream "$stream" --durable D "$@"
}

# A new stream with a durable that waits a second for an acknowledgement, and a new queue.
new_stream() {
    next_queue
    stream=S$queues
    check "$stream: a stream" nats_ask make "$stream" "$stream.>" 1 "\"duplicate_window\":$((second / 10))"
    check "$stream: and a durable" nats_ask durable "$stream" D "\"ack_wait\":$second"
}

durable_field() { # NAME
    nats_ask request "\$JS.API.CONSUMER.INFO.$stream.D" | tr '{,' '\n' | sed -n "s/.*\"$1\": *//p" | head -n 1
}

# tool_nats numbers its ids from 1 each time, so the window in which the server knows them has to pass.
publish() { # FIRST LAST
    sleep 0.15
    seq "$1" "$2" | nats_ask publish "$stream.a"
}

all_acknowledged() {
    [[ $(nats_ask unacked "$stream" D 2>/dev/null) == 0 ]]
}

# ------------------------------------------------------------------ what is there comes, and is acknowledged

new_stream
publish 1 5000 || not_ok 'messages can be published'
check_status 'reads what the durable has' 0 from --count 5000 --echo ''
check_same 'in order, as --echo shows' <(seq 5000) "$scratch/out"
check 'all is acknowledged' wait_until 10 all_acknowledged
check_equal 'observers see it' '5000 0' "$(queue_field "$queue" bridge_acknowledged) $(queue_field "$queue" bridge_connected)"
rest --output "$scratch/got"
check_same 'and is in the queue' <(seq 5000) "$scratch/got"

# ------------------------------------------------------------------ acknowledged is what is in the queue

# Starts a bridge; sets pid.
begin() { # OPTION...
    "$producer" -Q "$queue" --from "$NATS_URL" --stream "$stream" --durable D --resume "$@" 2>>"$scratch/run.log" &
    pid=$!
}

# The queue is full for several times ack_wait.
new_stream
publish 1 3000
begin --capacity 64K
check 'a full queue makes the bridge wait' wait_until 20 is_blocked
sleep 3
check 'what is not in the queue is not acknowledged' \
    test "$(nats_ask unacked "$stream" D)" -ge $((3000 - $(queue_field "$queue" messages)))
check_equal 'messages in hand are not delivered again' 0 "$(durable_field num_redelivered)"
take -q --count 3000 --output "$scratch/full"
check 'all comes once there is room' wait_until 10 all_acknowledged
kill -TERM "$pid"
end_status 'TERM ends the bridge with 0' 0
check_same 'and nothing twice' <(seq 3000) "$scratch/full"
check_equal 'with --resume, the stream is unfinished' 1 "$(queue_field "$queue" unfinished)"

# ------------------------------------------------------------------ storms

# Damages the bridge or its server at random moments, until all messages have come, and then looks at them.
storm() { # NAME DAMAGE: a command; it may leave $pid empty
    local deadline=$((SECONDS + 120)) taker
    new_stream
    publish 1 "$messages"
    rm -f -- "$scratch/got" && : >"$scratch/got"
    begin --rate 10000 --capacity 64K
    wait_until 20 queue_has finished 0
    "$consumer" -q -Q "$queue" --follow --output "$scratch/got" 2>"$scratch/rest.err" &
    taker=$!
    until got_lines "$scratch/got" "$messages" || ((SECONDS > deadline)); do
        random_pause 6
        "$2"
        [[ $pid ]] || begin --rate 10000 --capacity 64K
    done
    check "$1: all is acknowledged" wait_until 20 all_acknowledged
    kill -TERM "$pid"
    end_status "$1: the bridge ends with 0" 0
    kill -TERM "$taker"
    end_status "$1: the consumer ends with 0" 0 "$taker" "$scratch/rest.err"
    check_same "$1: each message once, in order" <(seq "$messages") "$scratch/got"
}

kill_bridge() {
    kill_now "$pid"
    pid=''
}

restart_server() {
    random_pause 9
    nats_restart 1
    random_pause 9
}

stop_server() {
    ((stops++ == 0)) || return
    nats_stop 1
    sleep 7 # longer than a connection is believed to live
    nats_cont 1
}

# Another client takes a message and leaves it.
take_one() {
    nats_ask request "\$JS.API.CONSUMER.MSG.NEXT.$stream.D" 1 >/dev/null 2>&1
}

storm 'the bridge is killed' kill_bridge
storm 'the server is killed' restart_server

stops=0
storm 'the server is stopped' stop_server
storm 'messages are taken by another client' take_one

# ------------------------------------------------------------------ disasters of the server

got() { # LINES
    take -q --count "$1" >>"$scratch/got"
}

# A stream that lost its end uses the numbers of what it lost again.
new_stream
publish 1 5
begin
: >"$scratch/got"
got 5
check 'before: all is acknowledged' wait_until 10 all_acknowledged
nats_kill 1
cp -r "$nats_folder/n1" "$nats_folder/copy"
nats_restart 1
publish 6 10
got 5
nats_kill 1
rm -rf "$nats_folder/n1"
mv "$nats_folder/copy" "$nats_folder/n1"
nats_restart 1
publish 11 17
got 7
check_same 'a stream that lost its end: what is stored anew comes, too' <(seq 17) "$scratch/got"

# A durable that is made anew delivers all of the stream.
nats_ask request "\$JS.API.CONSUMER.DELETE.$stream.D" >"$scratch/out"
nats_ask durable "$stream" D
publish 18 19
check 'a durable that was made anew is read' wait_until 20 all_acknowledged
rest >>"$scratch/got" --idle 100ms
kill -TERM "$pid"
end_status 'the bridge ends with 0' 0
check_same 'and nothing comes twice' <(seq 19) "$scratch/got"

# Another stream of the same name is another stream.
nats_ask remove "$stream"
nats_ask make "$stream" "$stream.>" 1
nats_ask durable "$stream" D
publish 20 21
begin
got 2
check_same 'a stream that was made anew begins at its start' <(seq 21) "$scratch/got"
kill -TERM "$pid"
end_status 'the bridge ends with 0' 0

# ------------------------------------------------------------------ headers

# What consumer --to sends comes back with the headers and the id that it had.
new_stream
put --header 'Content-Type: text/plain' --header 'X-Twice: 1' --header 'X-Twice: 2' -- a b
id=$("$monitor" peek "$queue" | sed -n '1s/:.*//p')
check_status 'consumer --to takes messages with headers' 0 \
    take --to "$NATS_URL" --stream "$stream" --subject "$stream.{lane}" --follow --count 2
next_queue
check_status 'and they come back' 0 from -q --count 2
"$monitor" peek "$queue" 1 | sed 1d >"$scratch/out"
check_same 'with their headers, and without those of the way' "$scratch/out" - <<END
  Content-Type: text/plain
  Shmq-Id: $id
  X-Twice: 1
  X-Twice: 2
  | a
END

# The same messages, as they came in another queue.
next_queue
nats_ask durable "$stream" E
check_status '--source-headers' 0 timeout 30 "$producer" -q -Q "$queue" --from "$NATS_URL" --stream "$stream" \
    --durable E --count 2 --source-headers
"$monitor" peek "$queue" 2 >"$scratch/out"
check_match '--source-headers: the subject' "^  Shmq-Subject: $stream.0$" "$scratch/out"
check_match '--source-headers: the sequence' '^  Shmq-Sequence: 2$' "$scratch/out"

# ------------------------------------------------------------------ what cannot be

refused() { # NAME STATUS REGEX OPTION...
    local name=$1 status=$2 regex=$3
    shift 3
    next_queue
    check_status "$name: exit $status" "$status" timeout 30 "$producer" -Q "$queue" --from "$NATS_URL" "$@"
    check_match "$name: says why" "^producer: .*$regex" "$scratch/err"
    check "$name: makes no queue" no_queue
}

refused 'an unknown stream' 1 'no such stream' --stream none --durable D
refused 'an unknown durable' 1 'no such consumer .*--make-durable' --stream "$stream" --durable none
nats_ask durable "$stream" any '"ack_policy":"all"'
refused 'a durable without explicit acks' 2 'ack policy.*--allow-lossy' --stream "$stream" --durable any
nats_ask durable "$stream" few '"max_deliver":5'
refused 'a durable that gives messages up' 2 'max deliver.*--allow-lossy' --stream "$stream" --durable few
nats_ask durable "$stream" push '"deliver_subject":"away"'
refused 'a durable that pushes' 1 'pull consumer' --stream "$stream" --durable push
nats_ask make memory 'memory.>' 1 '"storage":"memory"'
refused 'a stream in memory' 2 'memory.*--allow-lossy' --stream memory --durable D
refused 'a name that cannot be' 2 'not a name' --stream "$stream" --durable a.b
refused 'a framing' 2 'messages of a stream are whole' --stream "$stream" --durable D --null
refused 'messages that may be dropped' 2 'on-full drop' --stream "$stream" --durable D --on-full drop

next_queue
check_status 'no server, and --give-up: exit 4' 4 \
    timeout 30 "$producer" -Q "$queue" --from 127.0.0.1:9 --stream "$stream" --durable D --give-up 1s
check_match 'and says why' 'no progress for 1' "$scratch/err"
check_equal 'without a place in the code' 0 "$(grep -c '\.c:[0-9]' "$scratch/err")"

# One durable, one bridge.
new_stream
publish 1 1
begin
wait_until 20 queue_has messages 1
check_status 'another bridge of the same durable and queue: exit 1' 1 from
check_match 'and says why' 'another producer reads durable D of .* \(stop that one first' "$scratch/err"
check_status 'another bridge of the same durable: exit 1' 1 \
    timeout 30 "$producer" -Q "$queue.other" --from "$NATS_URL" --stream "$stream" --durable D
check_match 'and says why' 'another client reads it' "$scratch/err"
check_equal 'the first one has what there was' 1 "$(queue_field "$queue" messages)"

# A message that is too long stops the bridge before it, each time.
kill -TERM "$pid"
end_status 'the first one ends with 0' 0
new_stream
printf '%s\n' a b "$(head -c 20000 /dev/zero | tr '\0' x)" c | nats_ask publish "$stream.a"
check_status 'a message that is too long: exit 78 with --supervised' 78 from --supervised --capacity 64K
check_match 'and says which' "message 3 of stream $stream: 20017 bytes with its headers" "$scratch/err"
check_status 'again: exit 78' 78 from --supervised
rest --output "$scratch/short"
check_same 'what stands before it has come once' <(printf 'a\nb\n') "$scratch/short"
check 'the rest is kept in the stream' test "$(nats_ask unacked "$stream" D)" -ge 2

((failed == 0))
