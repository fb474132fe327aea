#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A job that failed or put itself off waits aside for its next attempt, and its worker goes on with others.
# shellcheck disable=SC2016 # what is in single quotes is for the shells of --exec
. "$(dirname "$0")/../support/lib.sh"
export SCRATCH=$scratch

begin() {
    new_queue
    dead=$queue.dead
    rm -f "$scratch"/seen.*
    : >"$scratch/runs"
    : >"$scratch/done"
}

take() { # OPTION...
    timeout 60 "$consumer" -Q "$queue" "$@"
}

# Starts a consumer in the background; sets pid.
start() { # OPTION...
    : >"$scratch/run.log"
    "$consumer" -Q "$queue" "$@" 2>"$scratch/run.log" </dev/null &
    pid=$!
}

stop_it() { # SIGNAL
    kill -s "$1" "$pid"
    wait "$pid"
} 2>/dev/null

has_runs() { # NUMBER
    (($(wc -l <"$scratch/runs") >= $1))
}

# Each run of a job is a line in $scratch/runs: the time in ns, the job, its attempt, whether it was delivered before.
run='read -r job; echo "$(date +%s%N) $job $SHMQ_ATTEMPT $SHMQ_REDELIVERED" >>"$SCRATCH/runs"'
done='echo "$job" >>"$SCRATCH/done"'
# Jobs whose names begin with d put themselves off the first time, those with f fail then.
once="$run"'
    case $job in
    [df]*) [ -e "$SCRATCH/seen.$job" ] || { >"$SCRATCH/seen.$job"; case $job in d*) exit 75 ;; esac; exit 1; } ;;
    esac
    '"$done"

jobs_run() {
    cut -d ' ' -f "${1-2}" "$scratch/runs" | paste -sd ' '
}
jobs_done() {
    paste -sd ' ' "$scratch/done"
}

# Prints the smallest pause between two runs that follow each other, in ms, one per pair.
pauses() {
    awk 'NR > 1 { printf "%d\n", ($1 - last) / 1000000 } { last = $1 }' "$scratch/runs"
}

# ------------------------------------------------------------------ the others go on

begin
put -- d1 f2 1 2 3 4 5 6 7 8 9 10
check_status 'two not yet, ten good ones: exit 0' 0 take --backoff 1s --exec "$once"
check_equal 'two not yet, ten good ones: the good ones are done first' '1 2 3 4 5 6 7 8 9 10 d1 f2' "$(jobs_done)"
check_equal 'two not yet, ten good ones: attempts' '1 1 1 1 1 1 1 1 1 1 1 1 1 2' "$(jobs_run 3)"
check_equal 'two not yet, ten good ones: runs' 14 "$(wc -l <"$scratch/runs")"
check 'two not yet, ten good ones: everything is done' queue_has messages 0

begin
put -- d1 f2 1 2
check_status '--in-order: exit 0' 0 take --in-order --backoff 50ms --exec "$once"
check_equal '--in-order: each is done before the next' 'd1 d1 f2 f2 1 2' "$(jobs_run)"
begin
put -- d1 f2 1 2
check_status '--aside 0: exit 0' 0 take --aside 0 --backoff 50ms --exec "$once"
check_equal '--aside 0: each is done before the next' 'd1 d1 f2 f2 1 2' "$(jobs_run)"

# While one waits aside, the worker waits with the second.
begin
put -- d1 d2 1 2
check_status '--aside 1: exit 0' 0 take --aside 1 --backoff 400ms --exec "$once"
check '--aside 1: the good ones wait for the second' eval '[[ $(jobs_done) =~ d2.*1\ 2 ]]'

# The queue's seats are what they wait in. One is left for the worker, and it waits with the others.
for seats in 1 2 3 4; do
    begin
    put --seats "$seats" -- d1 d2 d3 d4 d5 1 2 3
    check_status "$seats seats: exit 0" 0 take --backoff 100ms --exec "$once"
    check_equal "$seats seats: all is done" '1 2 3 d1 d2 d3 d4 d5' "$(sort "$scratch/done" | paste -sd ' ')"
    aside=$((seats - (seats > 3 ? seats / 4 : 1)))
    check_equal "$seats seats: $aside aside" "$(printf 'd%d ' 1 2 3 4 5 | cut -d ' ' -f 1-$((aside + 1)))" \
        "$(awk '{ if (seen[$2]++) exit; printf "%s ", $2 }' "$scratch/runs" | sed 's/ $//')"
done

# In a batch, only the last message can leave; with the others, the worker waits.
begin
put -- d1 1 d2
check_status 'in a batch: exit 0' 0 take --prefetch 3 --backoff 50ms --exec "$once"
check_equal 'in a batch: all is done' 'd1 1 d2' "$(jobs_done)"

# ------------------------------------------------------------------ whoever dies

# Each attempt is another consumer's; the message waits alone in between.
begin
put -- x
for attempt in 1 2 3; do
    start --backoff 300ms:10s --retries 5 --exec "$run; exit 1"
    check "attempt $attempt is made" wait_until 20 has_runs "$attempt"
    check "attempt $attempt: then it waits aside" wait_until 20 queue_has aside 1
    stop_it KILL
done
check 'after all died it waits aside' queue_has aside 1
killed=$(date +%s%N)
check_status 'the last one gives it up: exit 6' 6 take --backoff 300ms:10s --retries 3 --exec "$run; exit 1"
check_equal 'attempts are counted on' '1 2 3 4' "$(jobs_run 3)"
mapfile -t pause < <(pauses)
check "pauses grow on: ${pause[*]}" test "${pause[0]}" -ge 300 -a "${pause[1]}" -ge 600 -a "${pause[2]}" -ge 1200
first=$(timeout 60 "$consumer" -q -Q "$dead" --idle 100ms --exec 'echo "$SHMQ_HEADER_SHMQ_FIRST $SHMQ_HEADER_SHMQ_LAST $SHMQ_HEADER_SHMQ_ATTEMPTS"')
check_equal 'the history has all attempts' 4 "${first##* }"
at() { date -d "$1" +%s%N; }
read -r failed_first failed_last _ <<<"$first"
check 'the history has the first failure, of another consumer' test "$(at "$failed_first")" -lt "$(sed -n '2s/ .*//p' "$scratch/runs")"
check 'the history has the last failure' test "$(at "$failed_last")" -ge "$killed"
"$monitor" remove -q --force "$dead"

# Status 75 counts no attempt, but its pauses grow, too.
begin
put -- x
for attempt in 1 2 3; do
    start --backoff 200ms:10s --retries 0 --exec "$run; exit 75"
    check "put off, attempt $attempt is made" wait_until 20 has_runs "$attempt"
    check "put off, attempt $attempt: then it waits aside" wait_until 20 queue_has aside 1
    stop_it KILL
done
check_status 'put off: then it is done' 0 take --exec "$run"
check_equal 'put off: no attempt is counted' '1 1 1 1' "$(jobs_run 3)"
mapfile -t pause < <(pauses)
check "put off: pauses grow: ${pause[*]}" test "${pause[0]}" -ge 200 -a "${pause[1]}" -ge 400 -a "${pause[2]}" -ge 800

# A stop leaves it where it is.
begin
put -- x
start --backoff 1s --exec "$once"'; exit 1'
check 'stopped: an attempt is made' wait_until 20 has_runs 1
check 'stopped: it waits aside' wait_until 20 queue_has aside 1
stop_it TERM
check 'stopped: it still does' queue_has aside 1
check_status 'stopped: the next one waits for it' 0 take --exec "$run"
mapfile -t pause < <(pauses)
check "stopped: the time left counts on: ${pause[0]}" test "${pause[0]}" -ge 1000

# Several workers; some jobs fail for ever, some once, some put themselves off, some kill their worker.
begin
for ((i = 1; i <= 200; i++)); do
    case $i in
    3 | 50 | 51 | 120 | 199) echo "bad$i" ;;
    *[27]) echo "d$i" ;;
    *5) echo "f$i" ;;
    30 | 60) echo "kill$i" ;;
    *) echo "$i" ;;
    esac
done >"$scratch/all"
grep -v bad "$scratch/all" >"$scratch/good"
check_status '200 jobs under a supervisor: exit 6' 6 timeout 120 "$run_sh" -Q "$queue" -c 3 --input "$scratch/all" \
    --backoff 20ms:50ms --restart-pause 1ms:10ms --exec "$run"'
    case $job in
    bad*) exit 9 ;;
    kill*) [ -e "$SCRATCH/seen.$job" ] || { >"$SCRATCH/seen.$job"; kill -9 $PPID; exit 1; } ;;
    [df]*) [ -e "$SCRATCH/seen.$job" ] || { >"$SCRATCH/seen.$job"; case $job in d*) exit 75 ;; esac; exit 1; } ;;
    esac
    '"$done"
check_same_lines '200 jobs under a supervisor: all others are done' "$scratch/good" "$scratch/done"
check_match '200 jobs under a supervisor: the summary' '^run.sh: produced 200 messages, consumed 195, 5 dead letters' "$scratch/err"
check_equal '200 jobs under a supervisor: executions of the bad' '4 4 4 4 4' \
    "$(awk '$2 ~ /^bad/ { n[$2]++ } END { for (j in n) print n[j] }' "$scratch/runs" | paste -sd ' ')"
"$monitor" remove -q --force "$dead"

# ------------------------------------------------------------------ how it is seen, and what waits for it

begin
put -- x
start --backoff 1h --exec "$once"'; exit 1'
check 'seen: it waits aside' wait_until 20 queue_has aside 1
check 'seen: the consumer says so' wait_until 20 has_match 'waiting for messages: .*; 1 message waits aside, the first for (59 m|1 h)' "$scratch/run.log"
"$monitor" show "$queue" >"$scratch/show"
check_match 'seen: monitor show' '^  aside +1 of them put aside, the first due in (59 m|1 h)' "$scratch/show"
check_match 'seen: monitor show: its seat' '^ +0 aside +0 in 59 m [0-9]+ s +1 +0 +1 ' "$scratch/show"
check_match 'seen: monitor list' "^$queue +ok +1 .*  1 aside\$" <("$monitor" list)
check_match 'seen: monitor peek' ', aside, due in 59 m' <("$monitor" peek "$queue")
check_match 'seen: monitor peek --json' '"aside": true, "aside_left_ns": 35[0-9]{11}\}' <("$monitor" peek --json "$queue")
check_match 'seen: metrics' '^shmq_aside\{queue="'"$queue"'"\} 1$' <("$monitor" show --prometheus "$queue")
check_status 'seen: monitor check' 0 "$monitor" check "$queue"
stop_it TERM
check_status 'seen: it keeps the queue' 1 "$monitor" remove "$queue"

# --idle: what waits aside is not done.
begin
put -- f1
check_status '--idle: ends when all is done: exit 0' 0 take --idle 50ms --backoff 400ms --follow --exec "$once"
check_equal '--idle: it was tried again' f1 "$(jobs_done)"
begin
put -- f1
start --backoff 1h --exec "$once"
check '--idle, paused: it waits aside' wait_until 20 queue_has aside 1
stop_it TERM
check_status '--idle, paused: pause' 0 "$monitor" pause "$queue"
check_status '--idle, paused: exit 4' 4 take --idle 50ms --exec "$once"

check_usage consumer take '--aside x: .*a whole number' --aside x --exec true
check_usage consumer take '--aside .*needs --exec' --aside 3 --discard
check_usage consumer take '--in-order needs --exec' --in-order --discard
check_usage consumer take '--in-order and --aside: only one' --in-order --aside 3 --exec true

echo "$passed passed, $failed failed"
