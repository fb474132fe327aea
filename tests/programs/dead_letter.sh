#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# time limit: 600 s
# Dead letters: messages that --exec gives up go to another queue with their history, and everything else is done.
# shellcheck disable=SC2016 # what is in single quotes is for the shells of --exec
. "$(dirname "$0")/../support/lib.sh"
export SCRATCH=$scratch

take() { # OPTION...: with short pauses between attempts
    timeout 60 "$consumer" -Q "$queue" --backoff 1ms:2ms "$@"
}

# A queue of its own for each test, with files for what its jobs do.
begin() {
    new_queue
    dead=$queue.dead
    : >"$scratch/done"
    : >"$scratch/runs"
    : >"$scratch/expected"
}

# Starts a consumer in the background; sets pid.
start() { # OPTION...
    : >"$scratch/run.log"
    "$consumer" -Q "$queue" --backoff 1ms:2ms "$@" 2>"$scratch/run.log" </dev/null &
    pid=$!
}

remove() { # QUEUE
    "$monitor" remove -q --force -- "$1"
}

# Each run of a job is a line in $scratch/runs.
run='read -r job; echo "$job" >>"$SCRATCH/runs"'
executions() { # the most of any job
    sort "$scratch/runs" | uniq -c | sort -rn | awk 'NR == 1 { print $1 }'
}

# ------------------------------------------------------------------ one bad job stops nobody

# Those in $scratch/expected fail always.
some_fail="$run"'; ! grep -qx "$job" "$SCRATCH/expected" || exit 9; echo "$job" >>"$SCRATCH/done"'
check_bad_jobs() { # CONSUMERS BAD...
    local consumers=$1 i status statuses='' name="$1 consumers, $(($# - 1)) bad jobs"
    shift
    begin
    printf '%s\n' "$@" >"$scratch/expected"
    seq 200 | put
    seq 200 | grep -vxFf "$scratch/expected" >"$scratch/good"
    local pids=()
    for ((i = 0; i < consumers; i++)); do
        take -q --retries 2 --exec "$some_fail" 2>"$scratch/$i.err" &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        wait "$i"
        status=$?
        ((status == 0)) || statuses+=$status
    done
    check_match "$name: 6 from those that moved some" '^6+$' <(echo "$statuses")
    check_same_lines "$name: all others are done" "$scratch/good" "$scratch/done"
    check "$name: the queue is empty" queue_has messages 0 "$queue"
    check_equal "$name: the queue counts its dead letters" $# "$(queue_field "$queue" dead_letters)"
    check_equal "$name: the most executions" 3 "$(executions)"
    letters_with SHMQ_ATTEMPTS SHMQ_QUEUE SHMQ_REASON >"$scratch/letters"
    sed "s/\$/ 3 $queue exit status 9/" "$scratch/expected" >"$scratch/wanted"
    check_same_lines "$name: the dead letters and their history" "$scratch/wanted" "$scratch/letters"
}
check_bad_jobs 1 1
check_bad_jobs 2 7 100 200
check_bad_jobs 4 1 2 3 4 5
check_bad_jobs 8 199 200

begin
put -- a b
check_status '65: exit 6' 6 take --exec "$run"'; [ "$job" = b ] || exit 65'
check_equal '65: runs once' 'a b ' "$(tr '\n' ' ' <"$scratch/runs")"
check_match '65: is said' 'failed 1 time: exit status 65 .moved to queue' "$scratch/err"
check_match '65: what to do is said' "1 message was given up and .*monitor peek $dead.*monitor kick $dead" "$scratch/err"
check_match '65: the last words count both' 'consumed 1 message,.*, 1 dead letter$' <(tail -n 1 "$scratch/err")
check_equal '65: its history' 'a 1 exit status 65' "$(letters_with SHMQ_ATTEMPTS SHMQ_REASON)"

begin
put --header 'Color:  dark red ' --header 'shape: none' -- a
id=$(timeout 30 "$consumer" -q -Q "$queue" --dead-letter none --exec 'echo "$SHMQ_ID"; exit 1' --retries 0 2>/dev/null)
check_status 'a signal: exit 6' 6 take --retries 1 --exec 'kill -9 $$'
take -q --retries 1 --exec 'echo "$SHMQ_ID"' >/dev/null
check_equal 'headers: the id, others, ours' "a $id dark red none 2 killed by signal 9 (Killed)" \
    "$(letters_with SHMQ_ID COLOR SHAPE SHMQ_ATTEMPTS SHMQ_REASON)"
begin
put -- a
check_status 'the timeout: exit 6' 6 take --retries 0 --exec-timeout 100ms --exec 'sleep 60'
check_match 'times: ISO 8601, UTC' '^a ([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z) \1 ended by --exec-timeout$' \
    <(letters_with SHMQ_FIRST SHMQ_LAST SHMQ_REASON)

begin
put -- 1 2 3 4
check_status '--count: a dead letter is one' 6 take --count 2 --exec "$run"'; exit 65'
check_equal '--count: runs' '1 2 ' "$(tr '\n' ' ' <"$scratch/runs")"

# A dead letter that fails again goes nowhere by itself; it can be moved on, and keeps the id that it had first.
begin
put -- a
take -q --exec 'exit 65' 2>/dev/null
main=$queue
id=$("$consumer" -q -Q "$dead" --exec 'echo "$SHMQ_HEADER_SHMQ_ID"; exit 1' --retries 0 2>/dev/null)
queue=$dead dead=$main.other
check 'the queue of dead letters has none of its own' queue_has messages 1 "$queue"
check_status 'unless one is named' 6 take --dead-letter "$dead" --retries 1 --exec 'exit 65'
check_equal 'the first id is kept' "a $id $queue" "$(letters_with SHMQ_ID SHMQ_QUEUE)"

# ------------------------------------------------------------------ whatever a message is

begin
put --max-message 1000 -- ''
printf 'a\0b\nc\n' | put --whole
head -c 936 /dev/zero | tr '\0' x >"$scratch/large"
put --whole --input "$scratch/large" --header "Long: $(printf '%040d' 0)"
check_status 'odd payloads: exit 6' 6 take --exec 'exit 65'
timeout 30 "$consumer" -q -Q "$dead" --length-prefixed >"$scratch/letters"
{
    printf '\0\0\0\0\0\0\0\6a\0b\nc\n\0\0\3\250'
    cat "$scratch/large"
} >"$scratch/wanted"
check_same 'empty, with NUL and line ends, the largest' "$scratch/wanted" "$scratch/letters"

begin
head -c 16384 /dev/zero >"$scratch/large"
put --capacity 16K --max-message 16K --lanes 3 --seats 5 --mode 0640 --whole --input "$scratch/large"
check_status 'a message as large as the lane: exit 6' 6 take --exec 'exit 65'
check_equal 'the queue is made like the other, with more room' '17408 5 5 0640' \
    "$(for field in max_message_bytes lanes seats mode; do queue_field "$dead" "$field"; done | tr '\n' ' ' | sed 's/ $//')"
check_equal 'a message as large as the lane: is there' 1 "$(queue_field "$dead" messages)"

# ------------------------------------------------------------------ jobs that kill their consumer

# Starts consumers one after the other until one ends by itself; sets status.
consume_through_kills() { # OPTION...
    local i
    for ((i = 0; i < 50; i++)); do
        take "$@" 2>"$scratch/err"
        status=$?
        ((status == 137)) || return
    done
} 2>/dev/null

begin
seq 20 | put
consume_through_kills --retries 2 --exec "$run"'; [ "$job" != 5 ] || kill -9 $PPID; echo "$job" >>"$SCRATCH/done"'
check_equal 'a job that kills its consumer: exit 6' 6 "$status"
check_equal 'a job that kills its consumer: runs' 3 "$(grep -cx 5 "$scratch/runs")"
check_equal 'a job that kills its consumer: the others run once' 19 "$(grep -vcx 5 "$scratch/runs")"
check_equal 'a job that kills its consumer: the reason' '5 3 its consumer died or was stopped' "$(letters_with SHMQ_ATTEMPTS SHMQ_REASON)"

# A batch: the attempt is that of the message in execution.
begin
seq 20 | put
consume_through_kills --prefetch 8 --retries 2 --exec "$run"'; [ "$job" != 5 ] || kill -9 $PPID; echo "$job" >>"$SCRATCH/done"'
check_equal 'within a batch: exit 6' 6 "$status"
check_equal 'within a batch: runs' 3 "$(grep -cx 5 "$scratch/runs")"
check_equal 'within a batch: the others run once' 19 "$(grep -vcx 5 "$scratch/runs")"
check_equal 'within a batch: the dead letter' '5' "$(letters)"

begin
put -- a
consume_through_kills --retries 1 --dead-letter none --exec "$run; kill -9 \$PPID"
check_equal 'without dead letters: exit 1' 1 "$status"
check_equal 'without dead letters: runs no more than allowed' 2 "$(wc -l <"$scratch/runs")"
check_match 'without dead letters: says why' 'a larger --retries runs it again' "$scratch/err"
check 'without dead letters: the message stays' queue_has messages 1 "$queue"

# ------------------------------------------------------------------ no room

begin
put --capacity 4K --max-message 256 -- a b
timeout 30 "$producer" -q -Q "$dead" --lanes 1 --capacity 4K --max-message 2K --on-full fail --block 1024 --input /dev/zero 2>/dev/null
filled=$(queue_field "$dead" messages)
start --exec 'exit 65'
check 'a full queue: is said' wait_until 20 has_match "waiting for room in dead-letter queue '$dead': it is full" "$scratch/run.log"
kill -TERM "$pid"
end_status 'a full queue: TERM ends the wait' 0
check_equal 'a full queue: once' 1 "$(grep -c 'waiting for room' "$scratch/run.log")"
check 'a full queue: nothing is lost' queue_has messages 2 "$queue"
check 'a full queue: nothing is put' queue_has messages "$filled" "$dead"
start --exec 'exit 65'
check 'a full queue: is waited for' wait_until 20 has_match 'waiting for room' "$scratch/run.log"
timeout 30 "$consumer" -q -Q "$dead" --count "$filled" --discard
end_status 'a full queue: then goes on' 6
check_equal 'a full queue: then all are there' 'a b ' "$(letters | tr '\n' ' ')"

begin
put -- a
mkfifo "$scratch/fifo"
exec 6<>"$scratch/fifo"
timeout 60 "$producer" -q -Q "$dead" --lanes 1 --max-message 3M <"$scratch/fifo" &
owner=$!
check 'no lane: its owner is there' wait_until 20 eval '[[ $(queue_field "$dead" producers) == 1 ]]'
start --exec 'exit 65'
check 'no lane: is said' wait_until 20 has_match "waiting for room in dead-letter queue .*all its lanes" "$scratch/run.log"
kill "$owner"
wait "$owner"
end_status 'no lane: is waited for' 6
exec 6>&-
check_equal 'no lane: then it is there' a "$(letters)"

if unshare --mount true 2>/dev/null; then
    begin
    export consumer producer monitor queue dead
    check_status 'no room in /dev/shm: is waited for' 6 timeout 60 unshare --mount bash -c '
        mount -t tmpfs -o size=1200k none /dev/shm || exit 99
        "$producer" -q -Q "$queue" --capacity 64K --lanes 2 --seats 2 -- a b || exit 98
        cat /dev/zero >/dev/shm/filler 2>/dev/null
        "$consumer" -Q "$queue" --exec "exit 65" 2>"$SCRATCH/run.log" &
        for ((i = 0; i < 1000; i++)); do
            grep -q "waiting for room in dead-letter queue .*/dev/shm has no room" "$SCRATCH/run.log" && break
            sleep 0.02
        done
        rm /dev/shm/filler
        wait $!'
    check_match 'no room in /dev/shm: is said' '/dev/shm has no room' "$scratch/run.log"
fi

# ------------------------------------------------------------------ queues that cannot be used

check_refused() { # NAME STATUS REGEX
    check_status "$1: exit $2" "$2" take --exec "$run"
    check_match "$1: says why" "^consumer: --dead-letter: queue '$dead': $3" "$scratch/err"
    check_equal "$1: before anything is run" '' "$(cat "$scratch/runs")"
    check "$1: the message stays" queue_has messages 1 "$queue"
}
begin
put -- a
timeout 30 "$producer" -q -Q "$dead" -- x
check_refused 'smaller messages' 5 'its largest message of 2M is less than .*remove it'
remove "$dead"
timeout 30 "$producer" -q -Q "$dead" --max-message 3M -- x
"$monitor" shutdown -- "$dead" 2>/dev/null
check_refused 'one that was shut down' 1 '.*shut down.*give another'
remove "$dead"
head -c 100000 /dev/urandom >"/dev/shm/shmq.$dead"
chmod 600 "/dev/shm/shmq.$dead"
check_refused 'one that is damaged' 5 '.*not a queue.*give another'
rm "/dev/shm/shmq.$dead"
if ((EUID == 0)); then
    timeout 30 "$producer" -q -Q "$dead" --max-message 3M -- x
    chown 65534 "/dev/shm/shmq.$dead"
    check_refused 'one of another user' 1 'it belongs to another user .give another'
    chown 0 "/dev/shm/shmq.$dead"
fi

# Looking whether it can be used takes no lane of it, which a kill at that moment would leave unfinished.
begin
put -- a
timeout 30 "$producer" -q -Q "$dead" --max-message 3M -- x
without_ages() {
    "$monitor" show --json "$dead" | sed 's/_ns": [0-9]*/_ns": N/g'
}
without_ages >"$scratch/before"
check_status 'one that is there: nothing is given up' 0 take --exec true
check_equal 'one that is there: no lane of it was taken' '' "$(without_ages | diff "$scratch/before" - 2>&1)"

# What comes in between is no loss either.
begin
put -- a
start --retries 0 --exec 'touch "$SCRATCH/running"; until [ -e "$SCRATCH/go" ]; do sleep 0.02; done; exit 1'
check 'one that is made meanwhile: a command runs' wait_until 20 test -e "$scratch/running"
timeout 30 "$producer" -q -Q "$dead" --max-message 100 -- x
touch "$scratch/go"
end_status 'one that is made meanwhile, too small: exit 5' 5
check_match 'one that is made meanwhile: the message stays' "message .* stays in queue '$queue'" "$scratch/run.log"
check 'one that is made meanwhile: it does' queue_has messages 1 "$queue"

bare() { # OPTION...
    timeout 10 "$consumer" "$@"
}
long=$(printf '%0200d' 0)
check_usage consumer bare '--dead-letter x: is the queue itself .give' -Q x --dead-letter x --exec true
check_usage consumer bare "--dead-letter a/b: " -Q x --dead-letter a/b --exec true
check_usage consumer bare "--dead-letter '': " -Q x --dead-letter '' --exec true
check_usage consumer bare '--dead-letter: the name .* is too long .*give another one, or none' -Q "$long" --exec true
check_usage consumer bare '--dead-letter needs --exec' -Q x --dead-letter y --discard
check_status 'a long name without dead letters' 4 timeout 10 "$consumer" -Q "$long" --idle 10ms --dead-letter none --exec true

# ------------------------------------------------------------------ under a supervisor

try() { # OPTION...
    timeout 120 "$run_sh" -Q "$queue" --backoff 1ms:2ms --restart-pause 1ms:10ms "$@"
}
begin
printf '%s\n' 3 5 8 >"$scratch/expected"
seq 40 | grep -vxFf "$scratch/expected" >"$scratch/good"
seq 40 >"$scratch/forty"
check_status 'run.sh: exit 6' 6 try -c 3 --retries 2 --input "$scratch/forty" \
    --exec "$run"'; [ "$job" != 8 ] || kill -9 $PPID; ! grep -qx "$job" "$SCRATCH/expected" || exit 9; echo "$job" >>"$SCRATCH/done"'
check_same_lines 'run.sh: all others are done' "$scratch/good" "$scratch/done"
check_equal 'run.sh: the most executions' 3 "$(executions)"
check_match 'run.sh: the summary counts' '^run.sh: produced 40 messages, consumed 37, 3 dead letters, in' "$scratch/err"
check_match 'run.sh: the summary names what to do' "^run.sh: 3 messages were given up .*$dead, which is kept .*peek $dead'; run again: '.*consumer -Q $dead --exec" "$scratch/err"
check_equal 'run.sh: no restart for status 6' 0 "$(grep -c 'failed with status 6' "$scratch/err")"
check 'run.sh: the queue is removed' test ! -e "/dev/shm/shmq.$queue"
check_same_lines 'run.sh: the dead letters' "$scratch/expected" <(letters)
check_status 'run.sh: --dead-letter none' 1 try --dead-letter none --exec 'exit 65' -- a
remove "$queue"

begin
dead=$queue.other
check_status 'run.sh: --consumer-args' 6 try --consumer-args "--dead-letter $dead" --exec 'exit 65' -- a
check_match 'run.sh: --consumer-args: the summary' "^run.sh: 1 message was given up .*$dead" "$scratch/err"
check_status 'run.sh: letters of an earlier run' 0 try --dead-letter "$dead" --exec true -- b
check_status 'run.sh: a queue that cannot be used' 5 try --dead-letter "$dead" --max-message 8M --exec 'exit 65' -- a
remove "$queue"

# What nobody can count is not none.
begin
timeout 30 "$producer" -q -Q "$dead" --max-message 3M -- x
check_status 'run.sh: dead letters that cannot be counted: exit 1' 1 try \
    --exec "printf rubbish | dd of=/dev/shm/shmq.$dead bs=1 conv=notrunc status=none" -- a
check_match 'run.sh: dead letters that cannot be counted: is said' \
    "^run.sh: messages that were given up cannot be counted: queue '$dead': .*not a queue.* .see '.*monitor show $dead'" "$scratch/err"
check_match 'run.sh: dead letters that cannot be counted: all else is' '^run.sh: produced 1 message, consumed 1, in' "$scratch/err"
rm "/dev/shm/shmq.$dead"

# Jobs that kill their consumers use up none of its restarts, whether they follow each other or not.
for poison in '^([1-9]|10)$' '0$|^3.*7$'; do
    begin
    seq 200 >"$scratch/two-hundred"
    grep -Ev "$poison" "$scratch/two-hundred" >"$scratch/good"
    grep -E "$poison" "$scratch/two-hundred" >"$scratch/expected"
    check_status "run.sh, jobs $poison kill: exit 6" 6 timeout 60 "$run_sh" -Q "$queue" -c 2 --input "$scratch/two-hundred" \
        --exec "$run"'; if grep -qx "$job" "$SCRATCH/expected"; then kill -9 $PPID; else echo "$job" >>"$SCRATCH/done"; fi'
    check_same_lines "run.sh, jobs $poison kill: all others are done" "$scratch/good" "$scratch/done"
    check_equal "run.sh, jobs $poison kill: the most executions" 4 "$(executions)"
    check_match "run.sh, jobs $poison kill: the restarts are said" '^run.sh: consumer.. .pid [0-9]+. was killed by SIGKILL.* with a message in hand; restarting it at once' "$scratch/err"
    check_same_lines "run.sh, jobs $poison kill: the dead letters" "$scratch/expected" <(letters)
done
# Where nothing else succeeds, that is not tried with all of them.
begin
check_status 'run.sh, all jobs kill: the status of a killed one' 137 timeout 60 "$run_sh" -Q "$queue" --input "$scratch/two-hundred" \
    --exec "$run"'; kill -9 $PPID'
check_match 'run.sh, all jobs kill: why it gives up' 'not restarted: it was killed 101 times in a row with a message in hand' "$scratch/err"
check 'run.sh, all jobs kill: most are left' holds_at_least 150
remove "$queue"
# A consumer that dies by itself at once is given up as ever.
begin
mkdir "$scratch/dying"
ln -s "$producer" "$build/supervisor" "$scratch/dying"
printf '#!/bin/sh\ncase " $* " in *" --version "*) exit 0; esac; echo started >>"$SCRATCH/runs"; kill -9 $$\n' >"$scratch/dying/consumer"
chmod +x "$scratch/dying/consumer"
SHMQ_BUILD_DIR=$scratch/dying check_status 'run.sh, a consumer that dies by itself: the status' 137 try --exec true -- a b
check_equal 'run.sh, a consumer that dies by itself: six times' 6 "$(wc -l <"$scratch/runs")"
remove "$queue"

# ------------------------------------------------------------------ consumers killed at random

# Those that are given up at once and fail at once, so that many are killed within a move.
begin
seq 1 400 | put
seq 1 2 400 >"$scratch/expected"
seq 2 2 400 >"$scratch/good"
fail_odd="$run"'; case $job in *[13579]) exit 1;; esac; echo "$job" >>"$SCRATCH/done"'
keep_consuming() {
    until [[ -e $scratch/drained ]]; do
        "$consumer" -q -Q "$queue" --retries 6 --backoff 0:1ms --exec "$fail_odd" </dev/null 2>>"$scratch/storm.err" &
        echo $! >"$scratch/storm.$1"
        wait $!
        case $? in 0 | 6 | 137) ;; *) echo "$?" >>"$scratch/statuses" ;; esac
        queue_has messages 0 "$queue" && touch "$scratch/drained"
    done
} 2>/dev/null
for i in 1 2 3 4; do
    keep_consuming "$i" &
    keepers[i]=$!
done
RANDOM=$$
deadline=$((SECONDS + 45))
kills=0
until [[ -e $scratch/drained ]] || ((SECONDS > deadline)); do
    sleep "0.0$((RANDOM % 9 + 1))"
    kill -9 "$(cat "$scratch/storm.$((RANDOM % 4 + 1))")" 2>/dev/null && kills=$((kills + 1))
done
check 'killed at random: all is drained' wait_until 60 test -e "$scratch/drained"
wait "${keepers[@]}"
echo "# $kills kills"
check 'killed at random: no consumer fails' test ! -e "$scratch/statuses"
letters | sort >"$scratch/letters"
check_equal 'killed at random: no dead letter is there twice' '' "$(uniq -d "$scratch/letters")"
check_equal 'killed at random: each bad job is one' '' "$(sort "$scratch/expected" | comm -23 - "$scratch/letters")"
check_equal 'killed at random: each other is done, or was killed too often' '' \
    "$(sort "$scratch/good" | comm -23 - <(sort -u "$scratch/done" "$scratch/letters"))"
check_equal 'killed at random: no more executions than allowed' '' "$(sort "$scratch/runs" | uniq -c | awk '$1 > 7')"

echo "$passed passed, $failed failed"
