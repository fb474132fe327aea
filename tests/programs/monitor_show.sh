#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the monitor's show says: why a queue stands still, of real programs; its table, JSON and metrics.
. "$(dirname "$0")/../support/lib.sh"

starts() { # COMMAND...: in the background
    "$@" >"$scratch/run.out" 2>"$scratch/run.log" </dev/null &
    pid=$!
}

# The sentence, on one line.
why() {
    "$monitor" show --json -- "$queue" | sed -n 's/.*"why": "\([^"]*\)".*/\1/p'
}
says() { # EXTENDED-REGEX: of the whole sentence; for wait_until
    why | grep -Eqx -- "$1"
}
check_says() { # NAME EXTENDED-REGEX
    wait_until 10 says "$2" && ok "$1" && return
    not_ok "$1" "no match for: $2" "it says: $(why)"
}

is_stopped() { # PID
    grep -q '^State:.*[Tt] (' "/proc/$1/status"
}
stop() { # PID
    kill -STOP "$1"
    wait_until 10 is_stopped "$1"
}

state_of() { # lane|seat NUMBER WORD
    "$monitor" show --json -- "$queue" | grep -Eq "^ *\{\"$1\": $2, .*\"state\": \"$3\""
}

# ------------------------------------------------------------------ why it waits

ago='[0-9.]+ [smh] ago'
new_queue
"$producer" -q -Q "$queue" --capacity 4K --
check_says 'empty: nothing' ''
put -- a b c
check_says 'no consumer' '3 messages wait, no consumer is attached'
check_match 'no consumer: the table says so' '^  why +3 messages wait, no consumer is attached$' <("$monitor" show "$queue")
"$monitor" pause -q "$queue"
check_says 'paused' "paused: 3 messages wait \(see 'monitor resume $queue'\)"
starts "$consumer" -q -Q "$queue" --follow --discard
check 'paused: its consumer' wait_until 10 state_of seat 0 paused
"$monitor" resume -q "$queue"
check 'resumed: its consumer' wait_until 10 state_of seat 0 asleep
check_says 'a consumer asleep: nothing' ''
stop "$pid"
check 'a stopped consumer' state_of seat 0 stopped
put -- d e
check_says 'all consumers stopped' "2 messages wait, held up by consumer 0 \(pid $pid, stopped, last at work $ago\)"
kill -CONT "$pid"
check 'it goes on' wait_until 10 state_of seat 0 asleep
check_says 'it goes on: nothing' ''
kill_now "$pid"

# Full: nobody attached, all stopped, busy.
starts "$producer" -q -Q "$queue" --random --count 200
writer=$pid
check 'full' wait_until 10 is_blocked
check 'full: its producer' state_of lane 0 blocked
check_says 'full: no consumer' 'full: 1 producer waits, no consumer is attached'
starts "$consumer" -q -Q "$queue" --prefetch 5 --work 60s --discard
reader=$pid
check 'full: a consumer has five' wait_until 10 is_holding 5
check_says 'full: a busy consumer' "full: 1 producer waits, held up by consumer 0 \(pid $reader\), which has had 5 messages for [1-9]\.[0-9] s"
stop "$reader"
check_says 'full: a stopped consumer' \
    "full: 1 producer waits, held up by consumer 0 \(pid $reader, stopped, last at work $ago\), which has 5 messages"
starts "$consumer" -q -Q "$queue" --prefetch 1 --work 60s --discard
second=$pid
check 'full: another consumer works' wait_until 10 state_of seat 1 running
check_says 'full: a stopped consumer before another' \
    "full: 1 producer waits, held up by consumer 0 \(pid $reader, stopped, last at work $ago\), which has 5 messages"
check 'full: it fits into 80 columns' test "$("$monitor" show "$queue" | wc -L)" -le 80
stop "$second"
check_says 'full: all stopped' 'full: 1 producer waits, both consumers are stopped'
stop "$writer"
check 'full: a stopped producer' state_of lane 0 stopped
kill -CONT "$second"
kill_now "$second"
kill -CONT "$reader"
kill_now "$reader"
check_says 'full: a dead consumer, and nobody else' 'full: 1 producer waits, no consumer is attached'
check 'full: a dead consumer' state_of seat 0 dead
kill -CONT "$writer"
kill_now "$writer"
check 'dead: its producer' state_of lane 0 dead
check_says 'dead: no consumer' '[0-9]+ messages wait, no consumer is attached'
rest --discard
check_match 'counts of what should not be' '2 batches adopted, 2 deaths found, blocked [0-9]+ times?( |$)' <("$monitor" show "$queue")
check_says 'unfinished' "producer 0 \(pid $writer\) died before it finished \(go on: 'producer --resume'; end the stream: 'monitor finish $queue'\)"
"$monitor" finish -q "$queue"
check_says 'finished: nothing' ''
starts "$producer" -q -Q "$queue" --delay 60s -- a b
check_says 'a producer at work' '1 message waits, no consumer is attached'
rest --count 1 --discard
stop "$pid"
check_says 'a stopped producer' "held up by producer 0 \(pid $pid, stopped, last at work $ago\)"
kill -CONT "$pid"
kill_now "$pid"

# A tracer stops it, too.
next_queue
starts "$producer" -q -Q "$queue" --delay 60s -- a b
if command -v gdb >/dev/null && wait_until 10 queue_has messages 1; then
    mkfifo "$scratch/gdb"
    gdb -q -nx -p "$pid" <"$scratch/gdb" >"$scratch/gdb.log" 2>&1 &
    debugger=$!
    exec 8>"$scratch/gdb"
    if wait_until 20 is_stopped "$pid"; then
        check 'traced: stopped' state_of lane 0 stopped
    else
        skip 'traced: stopped' 'the debugger may not attach here'
    fi
    exec 8>&-
    wait "$debugger"
else
    skip 'traced: stopped' 'needs gdb'
fi
kill_now "$pid"

# A command that does not end.
next_queue
put -- a b
starts "$consumer" -q -Q "$queue" --exec 'sleep 60'
check_says 'a command hangs' "held up by consumer 0 \(pid $pid\), which has had 1 message for [1-9]\.[0-9] s"
starts "$consumer" -q -Q "$queue" --jobs 1 -- sleep 60
check_says 'two commands hang' 'both consumers are busy, consumer 0 \(pid [0-9]+\) has had 1 message for [0-9.]+ s'
for job in $(jobs -p); do
    kill_now "$job"
done

# One of each.
next_queue
put -- a
starts "$consumer" -q -Q "$queue" --work 60s --discard
check 'one: a consumer has it' wait_until 10 is_holding 1
kill_now "$pid"
rest --discard
check_match 'one: the singular' '^  so far +1 redelivered, 1 batch adopted, 1 death found$' <("$monitor" show "$queue")

# Put aside.
next_queue
put -- x
starts "$consumer" -q -Q "$queue" --backoff 1h --exec 'exit 1'
check 'aside: it waits' wait_until 20 queue_has aside 1
check_says 'aside' '1 message waits aside, the first is due in (59 m|60 m|1 h)'
check 'aside: its consumer' wait_until 10 state_of seat 1 aside
kill -TERM "$pid"
wait "$pid"

# Shut down.
next_queue
put -- a
"$monitor" shutdown -q --now "$queue"
check_says 'shut down' 'shut down at once: 1 message stays undelivered'

# ------------------------------------------------------------------ JSON

is_json() { # FILE
    if command -v jq >/dev/null; then
        jq . "$1"
    else
        python3 -m json.tool "$1"
    fi >/dev/null 2>&1
}
keys() { # FILE...: the names of all fields
    cat "$@" | grep -oE '"[a-z0-9_]+": ' | tr -d '": ' | LC_ALL=C sort -u
}

next_queue
put -- a b c
starts "$consumer" -q -Q "$queue" --work 60s --discard
check 'JSON: a consumer has one' wait_until 10 queue_shows '"holding": true|"leased": [1-9][0-9]*, "attempts"'
"$monitor" show --json "$queue" >"$scratch/show.json"
"$monitor" list --json >"$scratch/list.json"
cp "/dev/shm/shmq.$queue" "$scratch/a \"copy\\of it"
"$monitor" show --json "$scratch/a \"copy\\of it" >"$scratch/copy.json" 2>/dev/null
kill_now "$pid"
if command -v jq >/dev/null || python3 -c '' 2>/dev/null; then
    for what in show list copy; do
        check "JSON: $what" is_json "$scratch/$what.json"
    done
    (exec -a $'odd"na\\me\n\x01\xff' "$producer" -q -Q "$queue" -- a)
    "$monitor" show --json "$queue" >"$scratch/odd.json"
    check 'JSON: any name of a program' is_json "$scratch/odd.json"
    check_match 'JSON: any name of a program: is there' '"program": "odd\\"na\\\\me\?\?\?"' "$scratch/odd.json"
else
    skip 'JSON: it is valid' 'needs jq or python3'
fi
if [[ -x $build/man || -d $build ]] && make -s -C "$top" BUILD="$build" "$build/man/shmq-monitor.1" >/dev/null 2>"$scratch/make.log"; then
    sed -n 's/^\.It Va \([a-z0-9_]*\).*/\1/p' "$build/man/shmq-monitor.1" | LC_ALL=C sort -u >"$scratch/documented"
    # One that cannot be read has a reason; bridges to a broker have counters of their own.
    next_queue
    : >"/dev/shm/shmq.$queue"
    "$monitor" list --json >"$scratch/unreadable.json"
    "$monitor" remove -q --force "$queue"
    keys "$scratch/show.json" "$scratch/list.json" "$scratch/copy.json" "$scratch/unreadable.json" | grep -v '^bridge_' >"$scratch/printed"
    check_equal 'the manual: documents every field' '' "$(LC_ALL=C comm -13 "$scratch/documented" "$scratch/printed" | paste -sd ' ')"
    check_equal 'the manual: documents no other field' '' \
        "$(grep -v '^bridge_' "$scratch/documented" | LC_ALL=C comm -23 - "$scratch/printed" | paste -sd ' ')"
    check 'the manual: says what each means' test "$(grep -A1 '^\.It Va' "$build/man/shmq-monitor.1" | grep -c '^\.It Va')" -eq \
        "$(grep -A1 '^\.It Va' "$build/man/shmq-monitor.1" | grep -c "^[A-Za-z0-9]")"
else
    skip 'the manual: documents every field' 'there is no make, or no compiler'
fi

# ------------------------------------------------------------------ metrics

next_queue
put --lanes 3 -- a b c d
timeout 20 "$consumer" -q -Q "$queue" --count 2 --discard
"$monitor" show --prometheus "$queue" >"$scratch/show"
"$monitor" list --prometheus >"$scratch/list"
for what in show list; do
    check_equal "metrics: $what: strictly read" '' "$(LC_ALL=C awk -f "$top/tests/support/metrics.awk" "$scratch/$what")"
    if command -v promtool >/dev/null; then
        check_equal "metrics: $what: promtool has nothing to say" '' "$(promtool check metrics <"$scratch/$what" 2>&1)"
    else
        skip "metrics: $what: promtool has nothing to say" 'needs promtool (package prometheus)'
    fi
done
check_match 'metrics: the histogram of a queue' "^shmq_latency_seconds_count\\{queue=\"$queue\"\\} 2\$" "$scratch/show"
check_match 'JSON: the time in queue' '"latency_p50_ms": [0-9]+, .*"latency_max_ms": [0-9]+,' <("$monitor" show --json "$queue")
check_match 'the time in queue' '^  time in queue +put to acknowledgement: 50 % in (< 1 ms|[0-9.]+ m?s), ' <("$monitor" show "$queue")
new_queue
"$producer" -q -Q "$queue" --no-latency -- a
rest --discard
check_match 'no times: JSON' '"latency_p50_ms": null, ' <("$monitor" show --json "$queue")
check_equal 'no times: no histogram' '' "$("$monitor" show --prometheus "$queue" | grep latency_seconds)"
"$monitor" remove -q --force "$queue"
queue=${queue%.*}.$((queues - 1))
# The reader of metrics can fail.
for bad in 's/^# HELP shmq_up.*//' 's/ gauge$/ gouge/' '/^# TYPE shmq_put_messages_total/s/counter/gauge/' 's/le="+Inf"/le="9"/' \
    's/^\(shmq_latency_seconds_count.*\) .*/\1 77/' '/^shmq_up/s/"}/}/' '/^shmq_up/s/ 1$/ one/' '/^shmq_up/p' \
    '/^# TYPE shmq_up/p' '/_sum/d' '/le="0.01"/s/"0.01"/"0.001"/' '/^shmq_messages{/s/ / -/'; do
    check "metrics: the reader minds $bad" test -n "$(sed "$bad" "$scratch/show" | LC_ALL=C awk -f "$top/tests/support/metrics.awk")"
done

# ------------------------------------------------------------------ the table on a terminal

if command -v script >/dev/null; then
    shown() { # ENVIRONMENT...: what show prints on a terminal
        env -u NO_COLOR "$@" script -qec "'$monitor' show '$queue'" /dev/null </dev/null 2>&1 | tr '\033\r' 'E\n'
    }
    check_match 'a terminal: the state in colour' "^queue $queue: E\[32mokE\[0m" <(shown TERM=xterm)
    check_match 'a terminal: NO_COLOR' "^queue $queue: ok" <(shown TERM=xterm NO_COLOR=1)
    check_match 'a terminal: an empty NO_COLOR is none' "^queue $queue: E\[32mokE\[0m" <(shown TERM=xterm NO_COLOR=)
    check_match 'a dumb terminal: no colour' "^queue $queue: ok" <(shown TERM=dumb)
else
    skip 'a terminal: colours' 'needs script(1)'
fi
check_equal 'no terminal: no colour' '' "$(env -u NO_COLOR TERM=xterm "$monitor" show "$queue" | tr -cd '\033')"
"$monitor" remove -q --force "$queue"

echo "$passed passed, $failed failed"
