#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# time limit: 600 s
# Many short commands by --jobs 4 while signals come and commands are killed. scripts/test.sh also runs this with the
# programs that ThreadSanitizer and AddressSanitizer have built: a report of theirs fails it.
# shellcheck disable=SC2016 # what is in single quotes is for the shells that the consumer starts
. "$(dirname "$0")/../support/lib.sh"

readonly messages=2000
new_queue
export SCRATCH=$scratch
cd "$scratch" || exit

# Runs the consumer while it is asked for statistics again and again; sets status.
storm() { # OPTION...
    "$consumer" -Q "$queue" --jobs 4 "$@" >>out 2>err &
    local pid=$!
    wait_until 30 eval 'queue_shows "\"pid\": $pid,"' # its handlers are there
    until has_ended "$pid"; do
        kill -USR1 "$pid" 2>/dev/null
        random_pause 3
    done
    wait "$pid"
    status=$?
    cat err >>all.err
}

next_queues() {
    "$monitor" remove -q --force -- "$queue.dead" 2>/dev/null
    next_queue
}

# One command of twenty is killed at its first attempt.
command='[ $(($1 % 20)) != 0 ] || [ "$SHMQ_ATTEMPT" != 1 ] || kill -KILL $$; echo "$1" >>finished'

seq "$messages" | put
storm --count 500 --backoff 1ms:5ms -- sh -c "$command" sh {}
check_equal '--count under fire: exit 0' 0 "$status"
check_match '--count under fire: as many as it says' 'consumed 500 messages,' err
check_equal '--count under fire: no more are run' 500 "$(wc -l <finished)"
storm --retries 0 --dead-letter "$queue.dead" -- sh -c "$command" sh {}
check_equal 'dead letters under fire: exit 6' 6 "$status"
"$consumer" -q -Q "$queue.dead" --idle 10ms >dead 2>/dev/null
check_equal 'dead letters under fire: only those that were killed' '' "$(awk '$1 % 20' dead)"
check_same_lines 'each message is done once, or a dead letter' <(seq "$messages") <(cat finished dead)
check 'nothing is left' queue_has messages 0
check_match 'statistics are said meanwhile' 'consumed [0-9]+ messages.*' all.err

seq "$messages" | put -q
rm err
timeout 300 "$consumer" -Q "$queue" --jobs 4 --follow --backoff 1ms -- sh -c 'read line; [ $((line % 3)) != 0 ] || exit 75' >/dev/null 2>err &
wait_until 60 got_lines err 20
kill -TERM "$(pgrep -P $! consumer)"
wait $!
check_equal 'SIGTERM under fire: exit 0' 0 $?
cat err >>all.err

# What all workers write to, and what limits all of them.
next_queues
seq 300 | put
storm --retries 0 --dead-letter "$queue.dead" --joblog log --results results --tag --rate 2000 --exec-timeout 60s \
    -- sh -c 'echo "$1"; [ $(($1 % 50)) != 0 ]' sh {}
check_equal 'all options of commands under fire: exit 6' 6 "$status"
check_equal 'all options of commands under fire: each has a line in the log, and the log its title' 301 "$(wc -l <log)"
check_equal 'all options of commands under fire: each has its results' 300 "$(printf '%s\n' results/* | wc -l)"

# Consumers that are killed: no message is lost, none is run more often than allowed.
next_queues
rm finished
seq 300 | put
for ((deaths = 0; deaths < 12; deaths++)); do
    "$consumer" -q -Q "$queue" --jobs 4 --dead-letter "$queue.dead" -- sh -c 'echo "$1" >>finished; sleep 0.01' sh {} 2>>all.err &
    pid=$!
    wait_until 30 eval 'is_holding 1 || has_ended "$pid"'
    random_pause 5
    kill -KILL "$pid"
    wait "$pid"
done 2>/dev/null
"$consumer" -q -Q "$queue" --jobs 4 --dead-letter "$queue.dead" -- sh -c 'echo "$1" >>finished' sh {} 2>>all.err
status=$?
"$consumer" -q -Q "$queue.dead" --idle 10ms >dead 2>/dev/null
check 'killed at random: exit 0 or 6' test "$status" = 0 -o "$status" = 6
check_same 'killed at random: each is done or a dead letter' <(seq 300) <(sort -nu finished dead)
check_equal 'killed at random: none is run more often than allowed' '' "$(sort finished | uniq -c | awk '$1 > 4')"
check 'killed at random: nothing is left' queue_has messages 0
check_equal 'no sanitizer complains' '' "$(grep -m 3 -E 'Sanitizer|runtime error' all.err)"
next_queues
check_equal 'nothing is left in /dev/shm' '' "$(find /dev/shm -name "*shmq.$SHMQ_TEST_PREFIX*")"
