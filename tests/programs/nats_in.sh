#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# producer --from: what a durable of JetStream has comes into the queue, each message once and in order, whatever dies.
#
# SHMQ_NATS_STORM=N: so many messages in the storms (20000).
. "$(dirname "$0")/../support/lib.sh"
. "$top/tests/support/nats.sh"

nats_needed || exit 0
nats_start 1 || exit 1
new_queue

messages=${SHMQ_NATS_STORM:-20000}
second=1000000000

from() { # OPTION...
    timeout 120 "$producer" -Q "$queue" --from "$NATS_URL" --stream "$stream" --durable D "$@"
}

# A new stream with a durable that waits a second for an acknowledgement, and a new queue.
new_stream() {
    next_queue
    stream=S$queues
    check "$stream: a stream" nats_ask make "$stream" "$stream.>" 1
    check "$stream: and a durable" nats_ask durable "$stream" D "\"ack_wait\":$second"
}

durable_field() { # NAME
    nats_ask request "\$JS.API.CONSUMER.INFO.$stream.D" | tr '{,' '\n' | sed -n "s/.*\"$1\": *//p" | head -n 1
}

publish() { # FIRST LAST
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
    nats_ask request "\$JS.API.CONSUMER.MSG.NEXT.$stream.D" 1 >/dev/null
}

storm 'the bridge is killed' kill_bridge
storm 'the server is killed' restart_server

stops=0
storm 'the server is stopped' stop_server
storm 'messages are taken by another client' take_one

((failed == 0))
