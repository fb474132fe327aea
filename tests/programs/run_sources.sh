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

child_pid() { # PROGRAM
    sed -n "s/.*$1\\.1 started (pid \\([0-9]*\\)).*/\\1/p" "$scratch/run.log" | tail -n 1
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
kill -KILL "$(child_pid producer)"
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

# ------------------------------------------------------------------ files that are followed

has_lines() { # COUNT
    wait_until 30 got_lines "$scratch/followed" "$1"
}

new_queue
mkdir "$scratch/logs"
seq 100 >"$scratch/logs/a.log"
followed=(--follow --input "$scratch/logs/*.log" --input "$scratch/later" --output "$scratch/followed")
start "${followed[@]}"
check 'follow: what is there' has_lines 100
seq 101 200 >>"$scratch/logs/a.log"
seq 201 300 >"$scratch/logs/b.log"
seq 301 400 >"$scratch/later"
check 'follow: what comes later' has_lines 400
kill -KILL "$(child_pid producer)"
mv "$scratch/logs/a.log" "$scratch/logs/a.log.1"
seq 401 500 >>"$scratch/logs/a.log.1"
seq 501 600 >"$scratch/logs/a.log"
check 'follow: the producer is killed while a file is rotated' has_lines 600
stop_run 'follow: SIGTERM: exit 0'
check_match 'follow: the queue is kept, and why' 'is kept: it remembers how far the source has come' "$scratch/run.log"
seq 601 700 >>"$scratch/logs/a.log"
start "${followed[@]}"
check 'follow: the same command goes on' has_lines 700
kill_run
seq 701 800 >>"$scratch/logs/b.log"
start "${followed[@]}"
check 'follow: run.sh is killed, and goes on' has_lines 800
stop_run 'follow: once more: exit 0'
check_same_lines 'follow: each line once' <(seq 800) "$scratch/followed"
check_status 'follow: into what is followed: refused' 2 try --follow --input "$scratch/logs/*" --output "$scratch/logs/a.log"
check_match 'follow: into what is followed: is said' 'is also the input' "$scratch/err"
"$monitor" remove -q --force "$queue"

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
    has_published() {
        (($("$tool_nats" count IN) > 50))
    }
    new_queue
    seq 500 >"$scratch/out"
    start --to "$NATS_URL" --stream IN --subject 'in.{lane}' --consumer-args '--rate 1000' --input "$scratch/out"
    wait_until 30 has_published
    kill -KILL "$(child_pid consumer)"
    end_status 'out, with a consumer killed: exit 0' 0
    check_match 'out, with a consumer killed: it is restarted' '[1-9] restart' "$scratch/run.log"
    check 'out, with a consumer killed: all is in the stream, each once' nats_count_is IN 500
    check 'out: the queue is removed' no_queue

    new_queue
    start --from "$NATS_URL" --stream IN --durable D --make-durable --output "$scratch/in"
    wait_until 30 has_put 500
    kill -KILL "$(child_pid producer)"
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
