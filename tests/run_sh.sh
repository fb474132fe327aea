#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# scripts/run.sh: what it starts, restarts, stops and leaves behind.
. "$(dirname "$0")/lib.sh"
export XDG_RUNTIME_DIR=$scratch

# Signals that a shell's background job would ignore reach what is started here.
run() { # ARGUMENT...: run.sh in a session of its own, in the background; sets run_pid
    : >"$scratch/out.log" # that of the last one must not be waited for
    : >"$scratch/run.log"
    setsid env --default-signal=INT,QUIT "$run_sh" -Q "$queue" "$@" >"$scratch/out.log" 2>"$scratch/run.log" </dev/null &
    run_pid=$!
}

finish_run() { # NAME STATUS
    local status
    wait "$run_pid"
    status=$?
    ((status == $2)) && ok "$1" && return
    not_ok "$1" "status $status instead of $2" "$scratch/run.log"
}

# Pids of a program on this queue.
pids() { # PROGRAM
    pgrep -f -- "$build/$1 --queue $queue( |\$)"
}

no_child_left() {
    ! pids producer && ! pids consumer
} >/dev/null

got_lines() { # FILE COUNT
    (($(wc -l <"$1") >= $2))
} 2>/dev/null

got_statistics() {
    grep -q '^producer.1 | .*produced' "$scratch/run.log" && grep -q '^consumer.2 | .*consumed' "$scratch/run.log"
}

seq 300000 >"$scratch/numbers"

# ------------------------------------------------------------------ usage

check_usage() { # NAME STATUS REGEX ARGUMENT...
    local name=$1 status=$2 regex=$3
    shift 3
    new_queue
    check_status "$name" "$status" "$run_sh" -Q "$queue" "$@" && check_match "$name: says why" "$regex" "$scratch/err"
}
check_usage 'an unknown option' 2 'bogus' --bogus
check_usage 'a word without --' 2 'unexpected argument' word
check_usage 'a number that is none' 2 'not a number' -p many
check_usage 'two sources' 2 'only one source' --random --input "$scratch/numbers"
check_usage 'two sinks' 2 'only one sink' --discard --exec true
check_usage 'stdin cannot be split' 2 'cannot be split' -p 2 --input -
check_usage 'a quote that is not closed' 2 'quote' --producer-args "'x"
check_usage 'a missing input' 1 'no such file' --input "$scratch/nowhere"
check_usage 'a value that the producer refuses' 2 'producer.1 \| .*--count many' --random --count many --discard
echo old >"$scratch/old"
check_usage 'an output that is not empty' 2 'not empty' --input "$scratch/numbers" --output "$scratch/old"
check_status 'help' 0 "$run_sh" --help
check_match 'help is on stdout' '^Usage: ' "$scratch/out"

# ------------------------------------------------------------------ demonstration and sinks

new_queue
check_status 'the demonstration ends' 0 "$run_sh" -Q "$queue" --delay 1ms --work 1ms
check_equal 'ten are produced' 10 "$(grep -c '^producer.1 | Produced: [0-9]*$' "$scratch/out")"
check_equal 'ten are consumed' 10 "$(grep -c '^consumer.1 | Consumed: [0-9]*$' "$scratch/out")"
check_match 'there is a summary' 'run.sh: produced 10 messages, consumed 10' "$scratch/err"
check_equal 'the queue is removed' '' "$(find /dev/shm -name "*shmq.$queue*")"

new_queue
"$run_sh" -Q "$queue" -p 2 -c 3 --input "$scratch/numbers" --output - 2>"$scratch/run.log" | cat >"$scratch/back"
check_same_lines 'stdout of three consumers has whole lines and nothing else' "$scratch/numbers" "$scratch/back"
printf 'a\nb\n' | "$run_sh" -Q "$queue" --input - --output - -q >"$scratch/back" 2>"$scratch/run.log"
check_equal 'stdin' $'a\nb' "$(cat "$scratch/back")"
check_status 'arguments are split as a shell does' 0 "$run_sh" -Q "$queue" --random --count 1 --discard \
    --producer-args "--echo 'it is: '"
check_match 'quotes keep blanks' '\| it is: [0-9]' "$scratch/out"

# ------------------------------------------------------------------ restarts

new_queue
run -p 2 -c 3 --rate 40000 --max-restarts 1000 --input "$scratch/numbers" --output "$scratch/storm"
kills=0
while ((kills < 12)); do
    mapfile -t running < <(pids producer; pids consumer)
    ((${#running[@]})) && kill -KILL "${running[RANDOM % ${#running[@]}]}" && ((kills += 1))
    sleep 0.1
    has_ended "$run_pid" && break
done 2>/dev/null
finish_run 'children killed at random: run.sh says 0' 0
check_equal 'every line arrived, and no other' "$(sha256sum <"$scratch/numbers")" "$(sort -nu "$scratch/storm" | sha256sum)"
check_match 'deaths are reported by name, pid and status' \
    '(producer|consumer)\.[123] \(pid [0-9]+\) was killed by SIGKILL, status 137; restarting' "$scratch/run.log"

new_queue
run --random --rate 100 --count 1000 --discard
wait_until 5 pids producer >/dev/null
kill -KILL "$(pids producer)"
finish_run 'a producer that cannot know where it was is not restarted: 137' 137
check_match 'and this is said' 'producer.1 .* not restarted' "$scratch/run.log"

new_queue
run --random --count 10 --exec 'exit 1' --retries 0 --max-restarts 1
finish_run 'a consumer that keeps failing is given up' 1
check_match 'after as many restarts as allowed' 'not restarted: 1 restarts' "$scratch/run.log"
check_match 'the messages are kept' 'is kept, with 10 messages' "$scratch/run.log"

# ------------------------------------------------------------------ signals

new_queue
run -c 2 --count 0 --delay 1ms --work 1ms
wait_until 10 got_lines "$scratch/out.log" 20
kill -USR1 "$run_pid"
check 'SIGUSR1: all say how far they are' wait_until 5 got_statistics
kill -INT -- "-$run_pid"
finish_run 'Ctrl-C, to the whole group: drains and says 0' 0
check_equal 'all that was produced was consumed' "$(grep -c Produced "$scratch/out.log")" "$(grep -c Consumed "$scratch/out.log")"

new_queue
run --count 0 --delay 1ms --work 60s
wait_until 10 got_lines "$scratch/out.log" 5
kill -INT "$run_pid"
wait_until 5 grep -q SIGINT "$scratch/run.log"
sleep 0.3 # less is taken for one signal that came twice
kill -INT "$run_pid"
finish_run 'a second one stops at once' 130
check 'no child is left' no_child_left

new_queue
run --count 0 --delay 1ms --work 60s --grace 300ms
wait_until 10 got_lines "$scratch/out.log" 5
kill -STOP "$(pids consumer)"
kill -TERM "$run_pid"
finish_run 'after the grace it insists' 1
check_match 'and says what is left' 'messages are left' "$scratch/run.log"
check 'no child is left behind' no_child_left

# ------------------------------------------------------------------ its own death

new_queue
rm -f "$scratch/taken"
for round in 1 2 3; do
    run -p 2 -c 2 --rate 60000 --input "$scratch/numbers" --output "$scratch/taken"
    wait_until 10 got_lines "$scratch/taken" $((round * 20000))
    kill -KILL "$run_pid"
    wait "$run_pid" 2>/dev/null
    check "killed itself, round $round: its children die with it" wait_until 5 no_child_left
done
run -p 2 -c 2 --input "$scratch/numbers" --output "$scratch/taken"
finish_run 'run again, it takes over' 0
check_match 'and says so' 'taking over queue' "$scratch/run.log"
check_equal 'nothing is lost' "$(sha256sum <"$scratch/numbers")" "$(sort -nu "$scratch/taken" | sha256sum)"

new_queue
run --random --rate 100 --discard
wait_until 5 pids producer >/dev/null
check_status 'a second run.sh on the queue is refused' 1 "$run_sh" -Q "$queue" --random --count 1 --discard
check_match 'naming the first' "another run.sh supervises queue $queue \(pid $run_pid\)" "$scratch/err"
kill -TERM "$run_pid"
finish_run 'which is not disturbed' 0

new_queue
if unshare --pid --fork --mount-proc true 2>/dev/null; then
    unshare --pid --fork --mount-proc --kill-child "$run_sh" -Q "$queue" --count 0 --delay 1ms --work 1ms \
        >"$scratch/out.log" 2>"$scratch/run.log" &
    run_pid=$!
    wait_until 10 got_lines "$scratch/out.log" 10
    kill -TERM "$(pgrep -P "$run_pid")"
    finish_run 'as process 1' 0
else
    skip 'as process 1' 'unshare is not permitted'
fi
