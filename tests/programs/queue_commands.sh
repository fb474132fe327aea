#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The commands that docs/QUEUE.md sets beside the methods of Python's queue.Queue.
. "$(dirname "$0")/../support/lib.sh"

put() { "$producer" -q -Q "$queue" "$@"; }
# One item, as get() would return it.
get() { "$consumer" -q -Q "$queue" --follow --count 1 "$@"; }
counts() { printf '%s %s' "$(queue_field "$queue" messages)" "$(queue_field "$queue" leased)"; }

# ------------------------------------------------------------------ a queue and its size

new_queue
seq 64 >"$scratch/full"
check_status 'Queue(maxsize): takes what fits' 0 put --capacity 4K --input "$scratch/full"
check_status 'put_nowait: Full is status 4' 4 put --on-full fail -- 65
check_status 'put(timeout): Full is status 4' 4 put --timeout 20ms -- 65
check_equal 'put(timeout): nothing was put' 64 "$(queue_field "$queue" messages)"
check_status 'another maxsize: exit 5' 5 put --capacity 8K -- 65
check_equal 'qsize: all of them' '64 0' "$(counts)"
put -- 65 &
putter=$!
is_blocked() { "$monitor" show "$queue" --json | grep -q '"blocked": *true'; }
check 'put: waits for room' wait_until 20 is_blocked
mkfifo "$scratch/go"
# shellcheck disable=SC2016 # for the command's shell
GO=$scratch/go "$consumer" -q -Q "$queue" --count 1 --exec 'read -r _ <"$GO"' 2>"$scratch/worker.err" &
worker=$!
check 'qsize: what a worker has in hand is leased' wait_until 20 queue_has leased 1
check_equal 'qsize: and is one of the messages' '65 1' "$(counts)"
wait "$putter"
check_equal 'put: goes on when there is room' 0 $?
echo >"$scratch/go"
wait "$worker"
check_equal 'get and task_done: a command that succeeds' 0 $?
check_equal 'get: the next one' 2 "$(get)"
check_equal 'qsize: in the end' '63 0' "$(counts)"

# ------------------------------------------------------------------ get

new_queue
put -- a
check_equal 'get_nowait: an item' a "$(get --idle 0)"
check_status 'get_nowait: Empty is status 4' 4 get --idle 0
started=$EPOCHREALTIME
check_status 'get(timeout): Empty is status 4' 4 get --idle 100ms
check 'get(timeout): after that time' test "$(milliseconds_since "$started")" -ge 100
get >"$scratch/got" &
getter=$!
wait_until 20 queue_has consumers 1 || not_ok 'get: attaches'
put -- b
wait "$getter"
check_equal 'get: waits for an item' b "$(cat "$scratch/got")"

# ------------------------------------------------------------------ join

check_status 'join: nothing is left' 0 "$monitor" wait "$queue" --empty
put -- c
check_status 'join, with a timeout: status 4' 4 "$monitor" wait "$queue" --empty --timeout 20ms
"$monitor" wait "$queue" --empty &
joiner=$!
# shellcheck disable=SC2016 # for the command's shell
GO=$scratch/go "$consumer" -q -Q "$queue" --exec 'read -r _ <"$GO"' 2>"$scratch/worker.err" &
worker=$!
wait_until 20 queue_has leased 1 || not_ok 'join: a worker has it'
{ kill -KILL "$worker" && wait "$worker"; } 2>/dev/null
check 'join, and a worker that is killed: goes on waiting' kill -0 "$joiner"
check_equal 'join, and a worker that is killed: the next one does it' c "$(get)"
wait "$joiner"
check_equal 'join: ends when all is done' 0 $?

# ------------------------------------------------------------------ shutdown

put -- d
check_status 'shutdown: exit 0' 0 "$monitor" shutdown "$queue"
check_status 'shutdown: put: ShutDown is status 3' 3 put -- e
check_equal 'shutdown: get: what is left' d "$(get)"
check_status 'shutdown: get: then ShutDown is status 3' 3 get
"$monitor" remove -q "$queue"

new_queue
put -- a
check_status 'shutdown(immediate): exit 0' 0 "$monitor" shutdown --now "$queue"
check_status 'shutdown(immediate): get: ShutDown is status 3' 3 get
check_equal 'shutdown(immediate): the items stay' '1 0' "$(counts)"

# ------------------------------------------------------------------ PriorityQueue

new_queue
put --priority 7 -- late
put --priority 0 -- first
put -- middle
check_equal 'PriorityQueue: lower numbers come first' 'first middle late' \
    "$("$consumer" -q -Q "$queue" --prefetch 1 --producers 3 | xargs)"
