#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# time limit: 600 s
# test: alone (it looks at when commands start, to some milliseconds)
# Stopping: what becomes of commands that run, and of messages, when a consumer or a supervisor is told to end, and
# what else keeps a consumer from starting commands.
# shellcheck disable=SC2016 # what is in single quotes is for the shells of --exec
. "$(dirname "$0")/../support/lib.sh"
export SCRATCH=$scratch
new_queue

# A queue of its own for each test, with files for what its jobs do.
begin() { # WORD...: what is in the queue
    next_queue
    rm -f "$scratch"/{runs,ended,go,command}
    : >"$scratch/runs"
    : >"$scratch/ended"
    (($# == 0)) || put -- "$@"
}

# Starts a consumer in the background; sets pid.
start() { # OPTION...
    : >"$scratch/run.log"
    env --default-signal=INT "$consumer" -Q "$queue" "$@" 2>"$scratch/run.log" </dev/null &
    pid=$!
}

# Each run of a job is a line in $scratch/runs: the job, its attempt, the time in ms.
run='read -r job; echo "$job $SHMQ_ATTEMPT $(date +%s%3N)" >>"$SCRATCH/runs"'
jobs_run() {
    cut -d ' ' -f 1 "$scratch/runs" | tr '\n' ' '
}

command_runs() {
    [[ -s $scratch/command ]]
}

command_has_ended() {
    command_runs && has_ended "$(cat "$scratch/command")"
}

# The attempts of what is left: a line with payload and number of the next attempt for each.
left() {
    timeout 60 "$consumer" -q -Q "$queue" --idle 100ms --exec 'echo "$(cat) $SHMQ_ATTEMPT"'
}

# Runs until it is told to go on, or ends with STATUS at SIGTERM.
obstinate="$run"'; trap "" TERM; echo $$ >"$SCRATCH/command"; while :; do sleep 0.05; done'
patient="$run"'; echo $$ >"$SCRATCH/command"; until [ -e "$SCRATCH/go" ]; do sleep 0.02; done; echo "$job" >>"$SCRATCH/ended"'

# ------------------------------------------------------------------ --kill-after

begin a
began=$EPOCHREALTIME
check_status '--kill-after: exit 6' 6 take --retries 0 --exec-timeout 100ms --kill-after 700ms --exec "$obstinate"
took=$(milliseconds_since "$began")
check "--kill-after: SIGKILL after 700 ms ($took ms)" test "$took" -ge 800 -a "$took" -lt 1700
check '--kill-after: the command is gone' command_has_ended
begin a
began=$EPOCHREALTIME
check_status '--kill-after 0: at once' 6 take --retries 0 --exec-timeout 100ms --kill-after 0 --exec "$obstinate"
took=$(milliseconds_since "$began")
check "--kill-after 0: at once ($took ms)" test "$took" -lt 900
# A shell ends at SIGTERM at once. What it has started is given the time, too.
begin a
slow_end='trap "sleep 0.4; echo ended >>\"$SCRATCH/ended\"; exit 0" TERM; echo $$ >"$SCRATCH/command"; while :; do sleep 0.02; done'
check_status '--kill-after: the whole group: exit 6' 6 take --retries 0 --exec-timeout 300ms --kill-after 20s \
    --exec "sh -c '$slow_end'; true"
check_equal '--kill-after: what a shell has started may end in order' ended "$(cat "$scratch/ended")"
begin a
began=$EPOCHREALTIME
check_status '--kill-after: the rest of a group: exit 6' 6 take --retries 0 --exec-timeout 100ms --kill-after 300ms \
    --exec "sh -c 'trap \"\" TERM; echo \$\$ >\"\$SCRATCH/command\"; while :; do sleep 0.05; done'; true"
check '--kill-after: the rest of a group is killed' wait_until 5 command_has_ended

bare() { # OPTION...
    timeout 10 "$consumer" "$@"
}
check_usage consumer bare '--kill-after x: ' -Q x --kill-after x --exec true
check_usage consumer bare '--kill-after needs --exec' -Q x --kill-after 1s --discard
check_match 'the help of --grace has both meanings' 'dead producer.*commands go on' \
    <("$consumer" --help | sed -n '/--grace/,/--producers/p' | tr -s '\n ' ' ')

# ------------------------------------------------------------------ the first signal

begin a b c
start --prefetch 3 --exec "$patient"
wait_until 10 command_runs
kill -TERM "$pid"
: >"$scratch/go"
end_status 'a command in hand: exit 0' 0
check_equal 'a command in hand: finishes' a "$(cat "$scratch/ended")"
check_equal 'a command in hand: no more is started, of what is leased either' 'a ' "$(jobs_run)"
check_match 'a command in hand: the count' '^consumer: consumed 1 message,.*stopped by a signal' "$scratch/run.log"
check_equal 'a command in hand: nothing was ended' '' "$(grep 'was ended' "$scratch/run.log")"
check_equal 'a command in hand: what was leased comes with no attempt' $'b 1\nc 1' "$(left | sort)"

for signal in TERM INT; do
    begin a b
    start --grace 300ms --kill-after 200ms --prefetch 2 --exec "$obstinate"
    wait_until 10 command_runs
    began=$EPOCHREALTIME
    kill -$signal "$pid"
    end_status "SIG$signal, a command that goes on: exit 0" 0
    took=$(milliseconds_since "$began")
    check "SIG$signal, a command that goes on: --grace and --kill-after ($took ms)" test "$took" -ge 500 -a "$took" -lt 2500
    check "SIG$signal, a command that goes on: is gone" command_has_ended
    check_match "SIG$signal, a command that goes on: is said" \
        "^consumer: 1 command was ended after --grace 300ms; what it was working on is in queue '$queue' again" "$scratch/run.log"
    check_match "SIG$signal, a command that goes on: the count" '^consumer: consumed 0 messages,.*stopped by a signal' "$scratch/run.log"
    check_equal "SIG$signal, a command that goes on: no attempt is counted" $'a 1\nb 1' "$(left | sort)"
done

# Whatever its status then: it may not have done all.
for status in 0 1 65 75; do
    begin a
    start --grace 0 --exec "$run"'; trap "exit '$status'" TERM; echo $$ >"$SCRATCH/command"; while :; do sleep 0.02; done'
    wait_until 10 command_runs
    kill -TERM "$pid"
    end_status "ended after --grace 0, with $status: exit 0" 0
    check_equal "ended after --grace 0, with $status: the message goes back" 'a 1' "$(left)"
done

# A failure within the grace is one.
begin a
start --retries 5 --exec "$patient; exit 3"
wait_until 10 command_runs
kill -TERM "$pid"
: >"$scratch/go"
end_status 'a command that fails within the grace: exit 0' 0
check_equal 'a command that fails within the grace: is one attempt' 'a 2' "$(left)"
begin a b
start --exec "$patient; exit 65"
wait_until 10 command_runs
kill -TERM "$pid"
: >"$scratch/go"
end_status 'a command that is given up within the grace: exit 6' 6
check_equal 'a command that is given up within the grace: is a dead letter' a "$(timeout 20 "$consumer" -q -Q "$queue.dead" --idle 100ms)"
"$monitor" remove -q --force -- "$queue.dead"

# --exec-timeout has its own time.
begin a
start --retries 0 --dead-letter none --exec-timeout 600ms --grace 60s --exec "$obstinate"
wait_until 10 command_runs
kill -TERM "$pid"
end_status 'the timeout within the grace: is a failure' 1
check_match 'the timeout within the grace: is said' 'ended by --exec-timeout' "$scratch/run.log"

# What has not begun does not begin.
begin a
start --work 60s --exec "$run"
wait_until 10 is_holding 1
kill -TERM "$pid"
end_status 'in simulated work before a command: exit 0' 0
check_equal 'in simulated work before a command: none is started' '' "$(jobs_run)"
check_equal 'in simulated work before a command: no attempt is counted' 'a 1' "$(left)"
begin a
start --backoff 60s --in-order --exec "$run; exit 1"
wait_until 10 has_match failed "$scratch/run.log"
kill -INT "$pid"
end_status 'in a pause: exit 0' 0
check_equal 'in a pause: the one attempt is counted' 'a 2' "$(left)"
check_equal 'in a pause: no other is started' 'a ' "$(jobs_run)"

# Copying sinks finish what they have in hand, as ever.
begin a b
start --work 700ms --grace 0 >"$scratch/out"
wait_until 10 is_holding 1
kill -TERM "$pid"
end_status 'a copying sink in simulated work: exit 0' 0
check_equal 'a copying sink in simulated work: finishes its message' a "$(cat "$scratch/out")"

# A second signal is as ever.
begin a
start --exec "$obstinate"
wait_until 10 command_runs
kill -TERM "$pid"
wait_until 10 no_signal_pending "$pid"
kill -INT "$pid"
end_status 'a second signal: 130' 130
check 'a second signal: kills the command' wait_until 5 command_has_ended
begin

# ------------------------------------------------------------------ from the supervisor

# Starts a supervisor in the background, with the signals that a shell's background job would ignore; sets pid.
supervise() { # OPTION...
    : >"$scratch/run.log"
    setsid env --default-signal=INT,QUIT "$run_sh" -Q "$queue" "$@" >"$scratch/out.log" 2>"$scratch/run.log" </dev/null &
    pid=$!
}
commands_run() { # COUNT
    (($(wc -l <"$scratch/runs") >= $1))
}
patient_any="$run"'; until [ -e "$SCRATCH/go" ]; do sleep 0.02; done; echo "$job" >>"$SCRATCH/ended"'
seq 1 200 >"$scratch/two-hundred"

for signal in TERM INT; do
    begin
    supervise -c 3 --input "$scratch/two-hundred" --exec "$patient_any"
    wait_until 20 commands_run 3
    kill -$signal "$pid"
    wait_until 10 has_match "SIG$signal: stopping" "$scratch/run.log"
    : >"$scratch/go"
    end_status "run.sh, SIG$signal, jobs are left: exit 1" 1
    check_equal "run.sh, SIG$signal: those in hand finish" 3 "$(wc -l <"$scratch/ended")"
    check_equal "run.sh, SIG$signal: no more is started" 3 "$(wc -l <"$scratch/runs")"
    check_match "run.sh, SIG$signal: is said" "^run.sh: SIG$signal: stopping; no more commands are started" "$scratch/run.log"
    check_match "run.sh, SIG$signal: how many are left is said" "^run.sh: stopped by SIG$signal: 197 messages are left in queue $queue" "$scratch/run.log"
    check_match "run.sh, SIG$signal: how to go on is said" "^run.sh: queue $queue is kept, with 197 messages .run again to take over" "$scratch/run.log"
    check_status "run.sh, SIG$signal: the same command goes on" 0 timeout 60 "$run_sh" -Q "$queue" -c 3 --input "$scratch/two-hundred" --exec "$patient_any"
    check_same_lines "run.sh, SIG$signal: each is done once" "$scratch/two-hundred" "$scratch/ended"
done

begin
supervise -c 2 --exec "$patient_any" -- a b
wait_until 20 commands_run 2
kill -TERM "$pid"
wait_until 10 has_match "SIGTERM: stopping" "$scratch/run.log"
: >"$scratch/go"
end_status 'run.sh, TERM, nothing is left: exit 0' 0
check 'run.sh, TERM, nothing is left: the queue is removed' no_queue

# Commands that do not end: they have the consumers' times, not the supervisor's.
forever="$run"'; trap "" TERM; while :; do sleep 0.05; done'
begin
supervise -c 2 --grace 200ms --kill-after 300ms --exec "$forever" -- a b c
wait_until 20 commands_run 2
began=$EPOCHREALTIME
kill -TERM "$pid"
end_status 'run.sh, TERM, commands that go on: exit 1' 1
took=$(milliseconds_since "$began")
check "run.sh, TERM, commands that go on: --grace is theirs ($took ms)" test "$took" -ge 500 -a "$took" -lt 4000
check_equal 'run.sh, TERM, commands that go on: each consumer says so' 2 \
    "$(grep -c 'consumer.. | consumer: 1 command was ended after --grace 200ms' "$scratch/run.log")"
check_match 'run.sh, TERM, commands that go on: all are left' 'SIGTERM: 3 messages are left' "$scratch/run.log"
check_match 'run.sh, TERM, commands that go on: how to go on without sending words again' \
    "is kept, with 3 messages .consume with '.*consumer -Q $queue'" "$scratch/run.log"
check_equal 'run.sh, TERM, commands that go on: no attempt is counted' $'a 1\nb 1\nc 1' "$(left | sort)"

begin
supervise --grace 100ms --consumer-args '--grace 30s' --exec "$patient_any" -- a b
wait_until 20 commands_run 1
kill -TERM "$pid"
wait_until 10 has_match "SIGTERM: stopping" "$scratch/run.log"
check 'run.sh: the supervisor does not insist before the consumers may' eval '! wait_until 3 has_match "not done within" "$scratch/run.log"'
: >"$scratch/go"
end_status "run.sh, a longer --grace of the consumers: exit 1" 1
check_equal 'run.sh, a longer --grace of the consumers: the command finishes' a "$(cat "$scratch/ended")"
check_equal 'run.sh, a longer --grace of the consumers: the rest is left' 'b 1' "$(left)"

# A consumer that is killed meanwhile is not started again.
begin
supervise -c 2 --exec "$patient_any" -- a b c d
wait_until 20 commands_run 2
kill -TERM "$pid"
wait_until 10 has_match "SIGTERM: stopping" "$scratch/run.log"
kill -KILL "$(pgrep -P "$pid" -x consumer | head -n 1)"
wait_until 10 has_match 'killed by SIGKILL.*not restarted: stopping' "$scratch/run.log"
: >"$scratch/go"
end_status 'run.sh, a consumer is killed while it stops: exit 1' 1
check_equal 'run.sh, a consumer is killed while it stops: no other command is started' 2 "$(wc -l <"$scratch/runs")"
check_match 'run.sh, a consumer is killed while it stops: what is left' 'SIGTERM: 3 messages are left' "$scratch/run.log"

# While the queue is drained after a failure, a first signal is a first one.
begin
supervise --restart never --producer-args '--rate 1000' --random --exec "$patient_any"
wait_until 20 commands_run 1
wait_until 20 holds_at_least 5
kill -KILL "$(pgrep -P "$pid" -x producer)"
wait_until 10 has_match 'not restarted: --restart never' "$scratch/run.log"
kill -TERM "$pid"
check 'run.sh, TERM after a failure: is heeded' wait_until 10 has_match "SIGTERM: stopping" "$scratch/run.log"
: >"$scratch/go"
end_status 'run.sh, TERM after a failure: its status' 137
check_equal 'run.sh, TERM after a failure: the command in hand finishes' 1 "$(wc -l <"$scratch/ended")"
check_equal 'run.sh, TERM after a failure: no other is started' 1 "$(wc -l <"$scratch/runs")"

# A second one is as ever.
begin
supervise --exec "$forever" -- a
wait_until 20 commands_run 1
kill -TERM "$pid"
wait_until 10 has_match "SIGTERM: stopping" "$scratch/run.log"
sleep 0.15 # two signals in less time count as one
kill -TERM "$pid"
end_status 'run.sh, a second signal: 143' 143
begin

# ------------------------------------------------------------------ --max-failures

fail_even="$run"'; case $job in *[02468]) exit 65;; esac; echo "$job" >>"$SCRATCH/ended"'
begin $(seq 20)
check_status '--max-failures: exit 6' 6 take --max-failures 3 --exec "$fail_even"
check_equal '--max-failures: no more is started' '1 2 3 4 5 6 ' "$(jobs_run)"
check_match '--max-failures: why is said' "^consumer: queue '$queue': no more is started, because 3 messages were given up .see --max-failures" "$scratch/err"
check '--max-failures: the others are left' queue_has messages 14
check_equal '--max-failures: the dead letters' 3 "$(queue_field "$queue.dead" messages)"
begin $(seq 20)
check_status '--max-failures, more are leased: exit 6' 6 take --max-failures 1 --prefetch 10 --exec "$fail_even"
check_equal '--max-failures, more are leased: none of them is started' '1 2 ' "$(jobs_run)"
check_equal '--max-failures, more are leased: no attempt is counted' 1 "$(left | cut -d ' ' -f 2 | sort -u)"
begin 1 2
check_status '--max-failures, more than there are: exit 6' 6 take --max-failures 2 --exec "$fail_even"
check_equal '--max-failures, more than there are: nothing to be said' '' "$(grep 'no more is started' "$scratch/err")"
put -- 4
check_status '--max-failures: those of another run do not count' 6 take --max-failures 2 --exec "$fail_even"
check_equal '--max-failures: those of another run do not count: nothing to be said' '' "$(grep 'no more is started' "$scratch/err")"
begin 1
check_usage consumer bare '--max-failures: there is no dead-letter queue' -Q x --max-failures 2 --dead-letter none --exec true
check_usage consumer bare '--max-failures: there is no dead-letter queue' -Q x.dead --max-failures 2 --exec true
check_usage consumer bare '--max-failures 0: ' -Q x --max-failures 0 --exec true
check_usage consumer bare '--max-failures needs --exec' -Q x --max-failures 1 --discard

begin
check_status 'run.sh, --max-failures: exit 6' 6 timeout 60 "$run_sh" -Q "$queue" -c 2 --max-failures 3 \
    --input "$scratch/two-hundred" --exec "$fail_even"'; sleep 0.02'
check_match 'run.sh, --max-failures: why is said' '^run.sh: failed: consumer.. .pid [0-9]+. gave up as many messages as --max-failures allows' "$scratch/err"
check_equal 'run.sh, --max-failures: nothing is restarted' '' "$(grep restarting "$scratch/err")"
check 'run.sh, --max-failures: all end early' test "$(wc -l <"$scratch/runs")" -lt 20
left_now=$(queue_field "$queue" messages)
check_equal 'run.sh, --max-failures: the rest is left' 200 $((left_now + $(wc -l <"$scratch/runs")))
check_match 'run.sh, --max-failures: how many is said' "queue $queue is kept, with $left_now messages" "$scratch/err"
begin
check_status 'run.sh, --max-failures at the end: exit 6' 6 timeout 60 "$run_sh" -Q "$queue" --max-failures 2 --exec "$fail_even" -- 1 2 4
check_equal 'run.sh, --max-failures at the end: is not said' '' "$(grep 'failed:' "$scratch/err")"
check_status 'run.sh, --max-failures without dead letters: exit 2' 2 timeout 60 "$run_sh" -Q "$queue" --max-failures 2 \
    --dead-letter none --exec true -- a
begin

# ------------------------------------------------------------------ --rate

# What the runs of $scratch/runs took from the first to the last, in ms.
from_first_to_last() {
    sort -n -k 3 "$scratch/runs" | awk 'NR == 1 { first = $3 } { last = $3 } END { print last - first }'
}
begin $(seq 9)
check_status '--rate: exit 0' 0 take --rate 20 --exec "$run"
took=$(from_first_to_last)
check "--rate: one each 50 ms ($took ms)" test "$took" -ge 340 # 400, of which it may catch up 50
begin a
check_status '--rate, retries: exit 6' 6 take --rate 10 --retries 4 --backoff 0 --exec "$run; exit 1"
took=$(from_first_to_last)
check "--rate, retries: are started no faster ($took ms)" test "$took" -ge 340
begin a
again='while read -r m; do echo "$m 1 $(($(date +%s%N) / 1000000))" >>"$SCRATCH/runs"; echo retry; done'
check_status '--rate, retries of --pipe-ack: exit 6' 6 take --rate 10 --retries 4 --backoff 0 --pipe "$again" --pipe-ack
check_equal '--rate, retries of --pipe-ack: five attempts' 5 "$(wc -l <"$scratch/runs")"
took=$(from_first_to_last)
check "--rate, retries of --pipe-ack: are given no faster ($took ms)" test "$took" -ge 340
begin
seq 2000 | put
began=$EPOCHREALTIME
check_status '--rate, a copying sink: exit 0' 0 take --rate 2000 --discard
took=$(milliseconds_since "$began")
check "--rate, a copying sink: is no faster ($took ms)" test "$took" -ge 900
# A message that comes late is no reason to be faster later.
make_up_for_nothing() { # NAME OPTION...
    begin
    put </dev/null
    start "${@:2}" --rate 10 --follow --count 6 --exec "$run"
    check "$1: a consumer waits" wait_until 10 is_waiting
    sleep 0.5 # in which five might have been started
    put -- 1 2 3 4 5 6
    end_status "$1: exit 0" 0
    took=$(from_first_to_last)
    check "$1: makes up for nothing ($took ms)" test "$took" -ge 440
}
make_up_for_nothing '--rate, after a pause'

begin a b c d
start --rate 0.01 --prefetch 4 --exec "$run"
wait_until 10 commands_run 1
check_equal '--rate: what waits for its turn is for others' 'b 1 c 1 d 1 ' "$(left | tr '\n' ' ')"
end_status '--rate: the end of the stream is not waited for' 0
check_equal '--rate: one was started' 'a ' "$(jobs_run)"

begin a b c d
start --rate 0.01 --exec "$run"
wait_until 10 commands_run 1
before=$(cut -d ' ' -f 14,15 "/proc/$pid/stat")
sleep 1 # to measure what it does
after=$(cut -d ' ' -f 14,15 "/proc/$pid/stat")
used=$((${after/ /+} - (${before/ /+})))
check "--rate: waiting takes no time of the processor ($used ticks)" test "$used" -le 2
began=$EPOCHREALTIME
kill -TERM "$pid"
end_status '--rate: TERM ends the wait, exit 0' 0
took=$(milliseconds_since "$began")
check "--rate: TERM ends the wait at once ($took ms)" test "$took" -lt 1000
check_equal '--rate: TERM in the wait: no attempt is counted' 'b 1 c 1 d 1 ' "$(left | tr '\n' ' ')"

# What a dead consumer had is for others, too.
begin a b
start --rate 0.01 --exec "$run"
wait_until 10 commands_run 1
limited=$pid
rm -f "$scratch/command"
start --exec "$obstinate"
wait_until 10 command_runs
kill_now "$pid"
check_equal '--rate: what a dead consumer had is for others' 'b 2' "$(left)"
pid=$limited
end_status '--rate: then that is the end' 0

begin
check_status 'run.sh, --rate of the consumers: exit 0' 0 timeout 60 "$run_sh" -Q "$queue" --consumer-args '--rate 20' \
    --exec "$run" -- 1 2 3 4 5 6 7 8 9
took=$(from_first_to_last)
check "run.sh, --rate of the consumers: is heeded ($took ms)" test "$took" -ge 340
check_usage consumer bare '--rate x: ' -Q x --rate x --exec true
check_usage consumer bare '--rate 0: ' -Q x --rate 0 --exec true

# ------------------------------------------------------------------ --jobs: all that for several at once

begin $(seq 20)
start --jobs 4 --exec "$patient_any"
wait_until 10 commands_run 4
kill -TERM "$pid"
: >"$scratch/go"
end_status '--jobs, commands in hand: exit 0' 0
check_equal '--jobs, commands in hand: all finish' 4 "$(wc -l <"$scratch/ended")"
check_equal '--jobs, commands in hand: no more is started' 4 "$(wc -l <"$scratch/runs")"
check '--jobs, commands in hand: the rest is left' queue_has messages 16

begin $(seq 5)
start --jobs 3 --grace 300ms --kill-after 300ms --exec "$forever"
wait_until 10 commands_run 3
began=$EPOCHREALTIME
kill -INT "$pid"
end_status '--jobs, commands that go on: exit 0' 0
took=$(milliseconds_since "$began")
check "--jobs, commands that go on: have their time together ($took ms)" test "$took" -ge 600 -a "$took" -lt 3000
check_match '--jobs, commands that go on: how many is said' '^consumer: 3 commands were ended after --grace 300ms' "$scratch/run.log"
check_equal '--jobs, commands that go on: no attempt is counted' '1 1 2 1 3 1 4 1 5 1 ' "$(left | sort | tr '\n' ' ')"

begin $(seq 40)
check_status '--jobs, --max-failures: exit 6' 6 take --jobs 4 --max-failures 2 --exec "$run; exit 65"
check '--jobs, --max-failures: no more is started' test "$(wc -l <"$scratch/runs")" -le 5
check_match '--jobs, --max-failures: why is said' 'no more is started, because [2-5] messages were given up' "$scratch/err"
# The others wait for messages, or have none of their own.
begin 1
began=$EPOCHREALTIME
check_status '--jobs, --max-failures, nothing else to do: exit 6' 6 take --jobs 4 --max-failures 1 --follow --exec "$run; exit 65"
took=$(milliseconds_since "$began")
check "--jobs, --max-failures, nothing else to do: ends at once ($took ms)" test "$took" -lt 2000
# A command in hand takes as long as it takes.
begin a b
start --jobs 2 --grace 0 --max-failures 1 --exec "$run"'; [ "$job" = a ] || exit 65; until [ -e "$SCRATCH/go" ]; do sleep 0.02; done; echo "$job" >>"$SCRATCH/ended"'
wait_until 10 commands_run 2
check '--jobs, --max-failures: the one is given up' wait_until 10 has_match 'moved to queue' "$scratch/run.log"
: >"$scratch/go"
end_status '--jobs, --max-failures, a command in hand: exit 6' 6
check_equal '--jobs, --max-failures, a command in hand: finishes' a "$(cat "$scratch/ended")"

begin $(seq 9)
check_status '--jobs, --rate: exit 0' 0 take --jobs 4 --rate 20 --exec "$run"
took=$(from_first_to_last)
check "--jobs, --rate: they share it ($took ms)" test "$took" -ge 340
make_up_for_nothing '--jobs, --rate, after a pause' --jobs 4
begin a b c d
start --jobs 3 --rate 0.01 --exec "$run"
wait_until 10 commands_run 1
began=$EPOCHREALTIME
kill -TERM "$pid"
end_status '--jobs, --rate: TERM ends the wait of all, exit 0' 0
took=$(milliseconds_since "$began")
check "--jobs, --rate: TERM ends the wait of all at once ($took ms)" test "$took" -lt 1000
begin

# ------------------------------------------------------------------ --pipe-ack

answer='while read -r job; do echo "$job 1" >>"$SCRATCH/runs"; until [ -e "$SCRATCH/go" ]; do sleep 0.02; done; echo ok; done'
supervise -c 2 --input "$scratch/two-hundred" --pipe "$answer" --pipe-ack
wait_until 20 commands_run 2
kill -TERM "$pid"
wait_until 10 has_match 'SIGTERM: stopping; no more' "$scratch/run.log"
: >"$scratch/go"
end_status 'run.sh, --pipe-ack, jobs are left: exit 1' 1
check 'run.sh, --pipe-ack, jobs are left: they are not drained' test "$(wc -l <"$scratch/runs")" -lt 200
check_match 'run.sh, --pipe-ack, jobs are left: how many is said' "stopped by SIGTERM: [0-9]+ messages are left in queue $queue" "$scratch/run.log"
begin

echo "$passed passed, $failed failed"
