#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# scripts/run.sh with sources that go on until it is stopped (sockets, files that are followed, NATS), and with
# sinks beyond the queue.
# shellcheck disable=SC2016
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=tests/support/nats.sh
. "$top/tests/support/nats.sh"
supervisor=$build/supervisor
client=$build/tests/tool_client
socket=$scratch/s

start() { # ARGUMENT...: in the background; sets pid
    : >"$scratch/run.log"
    env --default-signal=INT "$supervisor" -v -Q "$queue" "$@" >"$scratch/out.log" 2>"$scratch/run.log" </dev/null &
    pid=$!
}

try() { # ARGUMENT...
    timeout 60 "$supervisor" -Q "$queue" "$@"
}

producer_pid() {
    sed -n 's/.*producer\.1 started (pid \([0-9]*\)).*/\1/p' "$scratch/run.log" | tail -n 1
}

listens() { # COUNT
    (($(grep -c ': listening$' "$scratch/run.log") >= $1))
}

has_put() { # COUNT
    local put
    put=$(queue_field "$queue" put_messages)
    ((${put:-0} >= $1))
}

stop_run() { # NAME [STATUS]
    kill -TERM "$pid"
    end_status "$1" "${2-0}"
}

kill_run() {
    kill -KILL "$pid"
    wait "$pid"
    wait_until 20 queue_has producers 0
    wait_until 20 queue_has consumers 0
} 2>/dev/null

# ------------------------------------------------------------------ usage

new_queue
for source in '--listen unix:x' '--input x --follow' '--from host --stream S --durable D'; do
    # shellcheck disable=SC2086
    check_usage supervisor try '(-p 2|producers)' -p 2 $source
done
check_usage supervisor try 'only one source' --listen unix:x -- word
check_usage supervisor try 'only one source' --listen unix:x --input x
check_usage supervisor try 'needs --from or --to' --stream S -- word
check_usage supervisor try 'have one each' --from host --durable D --to host --subject x --stream S
check_status 'not an address: exit 2' 2 try --listen x
check_match 'not an address: is said' 'producer: --listen x: not an address' "$scratch/err"

# ------------------------------------------------------------------ sockets

new_queue
start --listen "unix:$socket" --output "$scratch/all"
wait_until 30 listens 1 || not_ok 'listens' "$scratch/run.log"
seq 1000 | "$client" stream "$socket"
wait_until 30 has_put 1000
kill -KILL "$(producer_pid)"
wait_until 30 listens 2
check 'a killed producer: listens again' listens 2
seq 1001 2000 | "$client" stream "$socket"
stop_run 'clients, and SIGTERM: exit 0'
check_same_lines 'clients, and SIGTERM: all is delivered' <(seq 2000) "$scratch/all"
check 'clients, and SIGTERM: the queue is removed' no_queue
check_equal 'clients, and SIGTERM: no input is called unread' '' "$(grep -i 'stopped early\|before the end' "$scratch/run.log")"

new_queue
start --listen "unix:$socket" --exec 'cat >/dev/null; sleep 600'
wait_until 30 listens 1
seq 3 | "$client" stream "$socket"
wait_until 30 has_put 3
kill_run
check_status 'killed, another socket: refused' 1 try --listen "unix:$socket.other" --discard
check_match 'killed, another socket: says why' 'holds 3 messages that this command did not put there' "$scratch/err"
start --listen "unix:$socket" --exec 'cat >/dev/null; sleep 600'
wait_until 30 listens 1
check 'killed, the same socket: takes over' has_match 'taking over' "$scratch/run.log"
kill_run

# ------------------------------------------------------------------ other queues

new_queue
seq 1000 >"$scratch/thousand"
check_status 'several queues: exit 0' 0 try -c 2 --forward "$queue.a,$queue.b" --input "$scratch/thousand"
check 'several queues: the run removes its own' no_queue
for name in a b; do
    "$consumer" -q -Q "$queue.$name" >"$scratch/got"
    check_same_lines "several queues: $name has all" "$scratch/thousand" "$scratch/got"
    "$monitor" remove -q "$queue.$name"
done

# ------------------------------------------------------------------ NATS

if nats_needed; then
    nats_start 1
    "$tool_nats" make IN 'in.>' 1
    new_queue
    start --to "$NATS_URL" --stream IN --subject 'in.{lane}' --input <(seq 500)
    end_status 'out: exit 0' 0
    check 'out: all is in the stream' nats_count_is IN 500
    check 'out: the queue is removed' no_queue

    new_queue
    start --from "$NATS_URL" --stream IN --durable D --make-durable --output "$scratch/in"
    wait_until 30 has_put 500
    kill -KILL "$(producer_pid)"
    seq 501 600 | "$producer" -q -Q "$queue.out"
    "$consumer" -q -Q "$queue.out" --to "$NATS_URL" --stream IN --subject 'in.more.{lane}'
    "$monitor" remove -q "$queue.out"
    wait_until 60 has_put 600
    stop_run 'in, with a producer killed: exit 0'
    check_same_lines 'in, with a producer killed: each once' <(seq 600) "$scratch/in"
    check_match 'in: the queue is kept, and why' 'is kept: it remembers how far the source has come' "$scratch/run.log"
    "$monitor" remove -q --force "$queue"
    nats_stop_all
fi
