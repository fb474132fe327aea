#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The consumer's --jobs N: several commands at once from one consumer.
# shellcheck disable=SC2016 # what is in single quotes is for the shells that the consumer starts
. "$(dirname "$0")/../support/lib.sh"

new_queue
export SCRATCH=$scratch
cd "$scratch" || exit

# For commands: notes that this message's command runs, and waits until COUNT of them do, or for a file.
meet='touch "at.$SHMQ_ID"; for i in $(seq 1500); do [ "$(ls at.* | wc -l)" -ge "$COUNT" ] && exit 0; sleep 0.02; done; exit 1'
await='echo $$ >>pids; for i in $(seq 1500); do [ -e go ] && exit 0; sleep 0.02; done; exit 1'

started=''
start() { # OPTION...: in the background, as pid $started
    timeout 60 "$consumer" -Q "$queue" "$@" >out 2>err 9>&- &
    wait_until 10 eval 'started=$(pgrep -P '$!' consumer)' && return
    not_ok 'a consumer starts' err
}

# Sets status to that of the consumer that was started.
end() {
    wait $!
    status=$?
}

anew() { # MESSAGE...
    next_queue
    rm -f ./*
    (($# == 0)) || put -- "$@"
}

all_ended() { # FILE: of the processes in it
    local pid
    while read -r pid; do
        has_ended "$pid" || return 1
    done <"$1"
}

seats_of() { # PID
    "$monitor" show --json -- "$queue" | tr '{' '\n' | grep -c "\"alive\": true.*\"pid\": $1,"
}

# ------------------------------------------------------------------ at once, and each once

anew 1 2 3 4
COUNT=4 check_status 'four at once: exit 0' 0 take --jobs 4 -- sh -c "$meet"
check_equal 'four at once: each has run, and once' 4 "$(printf '%s\n' at.* | wc -l)"
check_match 'four at once: are counted' 'consumed 4 messages, 4 B' err

anew 1 2 3 4 5 6
start -j 3 -- sh -c "$await"
check 'three at once' wait_until 20 got_lines pids 3
check_equal 'three at once: have three seats of one process' 3 "$(seats_of "$started")"
kill -USR1 "$started"
check 'three at once: statistics are said' wait_until 20 grep -q 'consumed 0 messages' err
check_equal 'three at once: and no more' 3 "$(wc -l <pids)"
touch go
end
check_equal 'three at once: exit 0' 0 "$status"
check_equal 'three at once: the others follow' 6 "$(wc -l <pids)"

anew
seq 1000 | put
check_status '1000 jobs by 8: exit 0' 0 take -q -j 8 -- sh -c 'echo "$1 $SHMQ_ATTEMPT" >>finished' sh {}
check_same_lines '1000 jobs by 8: each once' <(seq 1000 | sed 's/$/ 1/') finished

# ------------------------------------------------------------------ deaths

anew 1 2 3 4
start --jobs 4 -- sh -c '[ "$SHMQ_REDELIVERED" = 1 ] || { sleep 300 & echo $! >>pids; echo $$ >>pids; wait; }; echo "$SHMQ_ATTEMPT" >>finished'
check 'a killed consumer: four commands run' wait_until 20 got_lines pids 8
kill -KILL "$started"
end
check 'a killed consumer: all that its commands have started ends' wait_until 20 all_ended pids
check_status 'a killed consumer: another one redoes all' 0 take --jobs 4 -- sh -c 'echo "$SHMQ_ATTEMPT" >>finished'
check_equal 'a killed consumer: each is the second attempt' $'2\n2\n2\n2' "$(cat finished)"

anew 1 2 3 4
start --jobs 4 -- sh -c 'echo $$ >>pids; [ "$SHMQ_ATTEMPT" -gt 1 ] || exec sleep 300'
check 'killed commands: four run' wait_until 20 got_lines pids 4
mapfile -t commands <pids
kill -KILL "${commands[@]}"
end
check_equal 'killed commands: exit 0' 0 "$status"
check_equal 'killed commands: all are run again' 8 "$(wc -l <pids)"

# ------------------------------------------------------------------ signals

anew 1 2 3 4 5 6 7 8
start --jobs 4 --grace 60s -- sh -c "$await"
check 'SIGTERM: four commands run' wait_until 20 got_lines pids 4
kill -TERM "$started"
check 'SIGTERM: has come' wait_until 20 no_signal_pending "$started"
touch go
end
check_equal 'SIGTERM: exit 0' 0 "$status"
check_match 'SIGTERM: those in hand are finished' 'consumed 4 messages.*stopped by a signal' err
check 'SIGTERM: and no more are started' queue_has messages 4
check_equal 'SIGTERM: and no more are started' 4 "$(wc -l <pids)"

anew 1 2 3
start --jobs 3 --backoff 300s -- false
check 'SIGTERM in pauses: three pause' wait_until 20 got_lines err 3
kill -TERM "$started"
end
check_equal 'SIGTERM in pauses: ends them' 0 "$status"
check 'SIGTERM in pauses: the messages stay' queue_has messages 3

anew
mkfifo input
"$producer" -q -Q "$queue" <input &
feeder=$!
exec 9>input
wait_until 10 eval '"$monitor" show "$queue" >/dev/null 2>&1'
start --jobs 4 -- true
check 'SIGTERM while nothing comes: says once that it waits' wait_until 20 grep -q 'waiting for messages' err
check_equal 'SIGTERM while nothing comes: four seats' 4 "$(seats_of "$started")"
kill -TERM "$started"
end
check_equal 'SIGTERM while nothing comes: exit 0' 0 "$status"
check_equal 'SIGTERM while nothing comes: said it once' 1 "$(grep -c 'waiting for messages' err)"
exec 9>&-
wait "$feeder"

anew 1 2 3 4
start --jobs 4 -- sh -c 'sleep 300 & echo $! >>pids; wait'
check 'two signals: four commands run' wait_until 20 got_lines pids 4
kill -INT "$started"
wait_until 10 no_signal_pending "$started"
kill -TERM "$started"
end
check_equal 'two signals: 128+N' 143 "$status"
check 'two signals: the commands end' wait_until 20 all_ended pids

# ------------------------------------------------------------------ --count, --idle and other ends

anew
seq 20 | put
check_status '--count: exit 0' 0 take --jobs 4 --count 7 -- sh -c 'echo >>finished'
check_equal '--count: as many are run' 7 "$(wc -l <finished)"
check 'and no more are taken' queue_has messages 13
check_status '--count less than the jobs' 0 take --jobs 8 --count 2 -- sh -c 'echo >>finished'
check_equal '--count less than the jobs: as many are run' 9 "$(wc -l <finished)"
check_status '--count more than there are: exit 3' 3 take --jobs 4 --count 12 -- sh -c 'echo >>finished'
check_match '--count more than there are: says how many came' 'all producers have finished; 11 of 12 messages' err
check_equal '--count more than there are: all are run' 20 "$(wc -l <finished)"

anew
{ echo first; wait_until 30 test -e at.first; sleep 1; echo second; wait_until 30 test -e done.second; sleep 3; } | put &
feeder=$!
wait_until 10 eval '"$monitor" show "$queue" >/dev/null 2>&1'
check_status '--idle: exit 0' 0 take --jobs 3 --idle 300ms -- sh -c 'read line; touch "at.$line"
    [ "$line" != first ] || until [ -e at.second ]; do sleep 0.02; done; touch "done.$line"'
check_equal '--idle: is not over while a command runs' 'done.first done.second' "$(echo done.*)"
check_match '--idle: ends all' 'consumed 2 messages.*idle' err
wait "$feeder"

anew bad slow 3 4 5
start --jobs 2 --dead-letter none --retries 0 -- sh -c 'read line; touch "at.$line"
    [ "$line" != bad ] || { until [ -e at.slow ]; do sleep 0.02; done; exit 3; }; until [ -e go ]; do sleep 0.02; done; touch "done.$line"'
check 'a failure: is told' wait_until 20 grep -q 'failed 1 time: exit status 3 (it stays in the queue' err
touch go
end
check_equal 'a failure: exit 1' 1 "$status"
check_equal 'a failure: the command in hand is finished, and no other started' done.slow "$(echo done.*)"
check 'a failure: the others stay' queue_has messages 4
check_match 'a failure: what was done is counted' 'consumed 1 message,' err

anew
seq 40 | put
check_status 'dead letters of several: exit 6' 6 take --jobs 4 --retries 0 -- sh -c 'read n; [ $((n % 2)) = 0 ]'
check_match 'dead letters of several: are counted' '^consumer: 20 messages were given up' err
check_match 'dead letters of several: are counted' 'consumed 20 messages.* 20 dead letters' err
check 'dead letters of several: are there' queue_has messages 20 "$queue.dead"
check_same_lines 'dead letters of several: are the right ones' <(seq 1 2 39) <("$consumer" -q -Q "$queue.dead" --grace 10ms 2>/dev/null)
"$monitor" remove -q --force -- "$queue.dead"

# ------------------------------------------------------------------ seats

anew
seq 6 | put --seats 3
COUNT=3 check_status 'more jobs than seats: exit 0' 0 take --jobs 8 -- sh -c "$meet"
check_match 'more jobs than seats: says how many it got' '^consumer: --jobs 8: no more seats are free: runs 3 commands at once \(' err
check_equal 'more jobs than seats: all are run' 6 "$(printf '%s\n' at.* | wc -l)"
anew
seq 3 | put --seats 3
start --jobs 3 -- sh -c "$await"
check 'no seat at all: others have them' wait_until 20 got_lines pids 3
check_status 'no seat at all: exit 1' 1 take --jobs 2 -- true
check_match 'no seat at all: says what to do' 'all seats are taken \(stop a consumer' "$scratch/err"
touch go
end
check_equal 'no seat at all: the others end' 0 "$status"

# ------------------------------------------------------------------ threads

# From the third on, no thread can be started.
anew
cat >two_threads.c <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

typedef int creator(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context);

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context)
{
    static int created;

    return created++ < 2 ? ((creator *)dlsym(RTLD_NEXT, "pthread_create"))(thread, attributes, run, context) : EAGAIN;
}
END
read -ra compiler <<<"${CC:-cc}"
if [[ $build != */asan && $build != */tsan ]] && "${compiler[@]}" -shared -fPIC -o two_threads.so two_threads.c -ldl 2>err; then
    seq 6 | put
    COUNT=2 LD_PRELOAD=$scratch/two_threads.so check_status 'too few threads: exit 0' 0 take --jobs 4 -- sh -c "$meet"
    check_match 'too few threads: says how many it got' '^consumer: --jobs 4: Resource temporarily unavailable: runs 2 commands at once \(' err
    check_equal 'too few threads: all are run' 6 "$(printf '%s\n' at.* | wc -l)"
else
    skip 'too few threads' 'no shared object can be preloaded here'
fi

# ------------------------------------------------------------------ usage

for jobs in 0 -1 1025 x ''; do
    check_status "--jobs '$jobs': exit 2" 2 take --jobs "$jobs" -- true
    check_match "--jobs '$jobs': says what is allowed" "--jobs .*a whole number from 1 to 1024" err
done
check_status '--jobs without commands: exit 2' 2 take --jobs 2 --output file
check_match '--jobs without commands: says what it needs' '--jobs needs --exec or -- PROGRAM' err
check_status '--jobs and --pipe: exit 2' 2 take --jobs 2 --pipe cat
check_status '--jobs and --pipe-ack: exit 2' 2 take --jobs 2 --pipe cat --pipe-ack

next_queue
check_equal 'nothing is left in /dev/shm' '' "$(find /dev/shm -name "*shmq.$SHMQ_TEST_PREFIX*")"
