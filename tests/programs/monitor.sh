#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The monitor: every verb, on queues that are idle, in use, left by the dead, damaged, half-made, or no queues at all.
. "$(dirname "$0")/../support/lib.sh"

look() { # VERB...: with a time limit
    timeout 30 "$monitor" "$@"
}

new_queue

shows() { # REGEX: somewhere in the JSON
    "$monitor" show --json -- "$queue" 2>/dev/null | grep -Eq -- "$1"
}

objects() { # of the queue, in /dev/shm
    find /dev/shm -name "shmq.$queue" -o -name "sem.shmq.$queue.*"
}

is_waited_for() { # by a consumer that sleeps
    shows '"waiting": true'
}

# All JSON is parsed at the end, at once, because starting the parser takes long.
json_names=()
check_json() { # NAME FILE
    cp -- "$2" "$scratch/json.${#json_names[@]}"
    json_names+=("$1")
}

check_all_json() {
    local i wrong
    wrong=$(python3 - "$scratch" ${#json_names[@]} <<'END'
import json, sys
for i in range(int(sys.argv[2])):
    try:
        json.load(open("%s/json.%d" % (sys.argv[1], i)))
    except ValueError as error:
        print("%d: %s" % (i, error))
print("read")
END
    ) 2>/dev/null
    for i in "${!json_names[@]}"; do
        if [[ $wrong != *read ]]; then
            check_match "${json_names[i]}: looks like JSON" '[]}]$' "$scratch/json.$i"
        else
            check_equal "${json_names[i]}: is JSON" '' "$(grep "^$i: " <<<"$wrong")"
        fi
    done
}

# Reads metrics as Prometheus does.
prometheus_errors() { # FILE
    LC_ALL=C awk -f "$top/tests/support/metrics.awk" "$1"
}

# ------------------------------------------------------------------ list and show, of a known state

# Ten messages of 21 bytes, three of which are consumed, in one lane; two of five bytes in another.
next_queue
seq 10 | put --capacity 64K --seats 5
rest --count 3 --discard
put --priority 2 -- hello world
look show -- "$queue" >"$scratch/text"
check_equal 'show: exit 0' 0 $?
check_match 'show: name and state' "^queue $queue: ok\$" "$scratch/text"
check_match 'show: messages' '^ *messages +9 waiting.*, payload 18 B; 12 put so far, stream 33 B$' "$scratch/text"
check_match 'show: producers' '^ *producers +0 alive, 2 finished, 0 died' "$scratch/text"
check_match 'show: consumers' '^ *consumers +0 alive' "$scratch/text"
check_match 'show: lanes' '^ *lanes +2 of 64 used, 64 KiB each, largest message 16' "$scratch/text"
check_match 'show: access' '^ *access +0600' "$scratch/text"
check_match 'show: a lane' '^ *0 finished .* producer +4 +7 ' "$scratch/text"
check_match 'show: another lane' '^ *1 finished .* producer +2 +2 ' "$scratch/text"
look show --json -- "$queue" >"$scratch/json"
check_equal 'show --json: exit 0' 0 $?
check_json 'show --json' "$scratch/json"
for pair in messages:9 message_bytes:18 put_messages:12 put_bytes:33 producers:0 consumers:0 unfinished:0 finished:2 \
    lanes:64 lanes_used:2 seats:5 capacity_bytes:65536 max_message_bytes:16384 mode:0600 tick_ns:50000000 shut_down:0 \
    state:ok name:"$queue"; do
    check_equal "show --json: ${pair%%:*}" "${pair#*:}" "$(queue_field "$queue" "${pair%%:*}")"
done
look show --prometheus -- "$queue" >"$scratch/metrics"
check_equal 'show --prometheus: exit 0' 0 $?
check_equal 'show --prometheus: format' '' "$(prometheus_errors "$scratch/metrics")"
for line in "shmq_up{queue=\"$queue\"} 1" "shmq_messages{queue=\"$queue\"} 9" "shmq_put_messages_total{queue=\"$queue\"} 12" \
    "shmq_lane_messages{queue=\"$queue\",lane=\"0\"} 7" "shmq_lane_priority{queue=\"$queue\",lane=\"1\"} 2"; do
    check "show --prometheus: ${line%%\{*}" grep -qxF "$line" "$scratch/metrics"
done
look list >"$scratch/text"
check_equal 'list: exit 0' 0 $?
check_match 'list: what the columns are' '^NAME .*MESSAGES' "$scratch/text"
check_match 'list: the queue' "^$queue +ok +9 +[0-9.]+ s +0 +0 +[0-9.]+ .iB +$(id -un)\$" "$scratch/text"
look list --json >"$scratch/json"
check_json 'list --json' "$scratch/json"
check_match 'list --json: the queue' "\"name\": \"$queue\", \"state\": \"ok\"" "$scratch/json"
look list --prometheus >"$scratch/metrics"
check_equal 'list --prometheus: format' '' "$(prometheus_errors "$scratch/metrics")"
check 'list --prometheus: the queue' grep -qxF "shmq_messages{queue=\"$queue\"} 9" "$scratch/metrics"
check_status 'check: exit 0' 0 look check "$queue"
check_match 'check: says so' "$queue" "$scratch/out"
check_status 'check --json: exit 0' 0 look check --json "$queue"
check_equal 'check --json' "{\"name\": \"$queue\", \"problems\": [], \"sound\": true}" "$(cat "$scratch/out")"
before=$(sha256sum <"/dev/shm/shmq.$queue")
for verb in list show check 'wait --timeout 0' 'wait --empty --timeout 0'; do
    # shellcheck disable=SC2086 # it is several words
    SHMQ_QUEUE=$queue look $verb >"$scratch/out" 2>&1
done
check_equal 'reading changes nothing' "$before" "$(sha256sum <"/dev/shm/shmq.$queue")"
check_equal 'all that was in it is still delivered' 9 "$(rest | wc -l)"
check_equal 'the name by -Q' "queue $queue: empty" "$("$monitor" show -Q "$queue" | head -n 1)"
check_equal 'the name by SHMQ_QUEUE' "queue $queue: empty" "$(SHMQ_QUEUE=$queue "$monitor" show | head -n 1)"

# ------------------------------------------------------------------ of live queues, and after all died

next_queue
"$producer" -q -Q "$queue" --seats 1 --delay 60s -- a b &
writer=$!
wait_until 10 queue_has messages 1
"$consumer" -q -Q "$queue" --follow >"$scratch/out" &
reader=$!
check 'live: a consumer that sleeps' wait_until 10 shows '"waiting": true, .*"pid": '$reader', "program": "consumer"'
check 'live: its producer' shows '"alive": true, .*"pid": '$writer', "program": "producer"'
check_equal 'live: counts' '1 1 0 1 0' "$(for field in producers consumers messages put_messages unfinished; do
    queue_field "$queue" $field
done | tr '\n' ' ' | sed 's/ $//')"
check_status 'live: check, with all seats taken' 0 look check "$queue"
check_match 'live: list' "^$queue +empty +0 +- +1 +1 " <(look list)
kill_now $reader
kill_now $writer
put --priority 3 -- c d e
"$consumer" -q -Q "$queue" --work 60s &
reader=$!
check 'held: one of them is in hand' wait_until 10 shows '"holding": true, .*"leased": 1,'
kill_now $reader
for format in '' --json --prometheus; do
    # shellcheck disable=SC2086 # empty or one word
    look show $format "$queue" >"$scratch/out" 2>"$scratch/err"
    check_equal "after all died: show $format" 0 $?
done
check_equal 'after all died: counts' '0 0 3' "$(for field in producers consumers messages; do
    queue_field "$queue" $field
done | tr '\n' ' ' | sed 's/ $//')"
check 'after all died: what the dead consumer held' shows '"alive": false, .*"holding": true, .*"leased": 1,'
check_match 'after all died: the text says so' '^ *0 dead .*consumer' <(look show "$queue")
check_status 'after all died: check' 0 look check "$queue"
next_queue
put -- a
timeout 10 "$consumer" -q -Q "$queue" --dead-letter none --exec 'exit 1' --retries 0 2>/dev/null
check_equal 'given back: the message is counted' 1 "$(queue_field "$queue" messages)"
check_match 'given back: the text shows where it is' '^ +0 left +0 .* 1 +0 +1 ' <(look show "$queue")
check 'given back: show --json shows it, too' shows '"seat": 0, "alive": false, .*"holding": true, "pid": 0, .*"leased": 1,'
rest --discard
check_equal 'given back: once another has worked on it, it is shown no more' '' "$(look show "$queue" | grep '^ *0 left')"

next_queue
"$producer" -q -Q "$queue" --delay 60s -- a b &
wait_until 10 queue_has messages 1
kill_now $!
check_equal 'a dead producer is counted' 1 "$(queue_field "$queue" unfinished)"
check_match 'a dead producer: show says so' '^ *producers +0 alive, 0 finished, 1 died' <(look show "$queue")
check_match 'a dead producer: list says so' "^$queue .*unfinished" <(look list)
check_status 'a dead producer: check' 0 look check "$queue"

next_queue
"$producer" -q -Q "$queue" --capacity 64K --random &
writer=$!
"$consumer" -q -Q "$queue" --follow --discard &
reader=$!
"$consumer" -q -Q "$queue" --follow --discard --prefetch 7 &
reader2=$!
wait_until 10 shows '"put_messages": [0-9]{4}'
failures=0
for _ in {1..20}; do
    look check "$queue" >/dev/null 2>"$scratch/err" || failures=$((failures + 1))
    look show --json "$queue" >"$scratch/json" 2>"$scratch/err" || failures=$((failures + 1))
done
check_equal 'under load: check and show find nothing wrong' 0 $failures
check_json 'under load: show --json' "$scratch/json"
kill_now $reader
kill_now $reader2
kill_now $writer
check_status 'under load, then all killed: check' 0 look check "$queue"

# What a column means in one table it means in the other.
next_queue
put -- a b c d e f g h i j
"$consumer" -q -Q "$queue" --work 60s &
reader=$!
wait_until 10 shows '"holding": true, .*"leased": 1,'
mkfifo "$scratch/full"
exec 6<>"$scratch/full"
dd if=/dev/zero of=/dev/fd/6 bs=4096 oflag=nonblock conv=notrunc status=none 2>/dev/null
"$consumer" -q -Q "$queue" >&6 &
batch_reader=$!
sum_of() { # lane|seat FIELD
    "$monitor" show --json -- "$queue" | grep "^ *{\"$1\": " | sed -n "s/.*\"$2\": \([0-9]*\).*/\1/p" | awk '{ n += $1 } END { print n + 0 }'
}
check 'leased: the other consumer has a batch' wait_until 10 shows '"holding": false, .*"leased": [1-9]'
leased=$(sum_of seat leased)
check 'leased: both consumers have something' test "$leased" -ge 2
check_equal 'leased: is the same over lanes and over seats' "$leased" "$(sum_of lane leased)"
check_equal 'messages: are the same over lanes and in the queue' "$(queue_field "$queue" messages)" "$(sum_of lane messages)"
look show "$queue" >"$scratch/text"
check_equal 'leased: is the same in both tables' "$leased $leased" "$(awk '$1 == "LANE" || $1 == "SEAT" { what = $1; next }
    what == "LANE" && $1 ~ /^[0-9]+$/ { lanes += $7 } what == "SEAT" && $1 ~ /^[0-9]+$/ { seats += $5 } END { print lanes, seats }' "$scratch/text")"
kill_now $batch_reader
exec 6>&-
kill_now $reader

# ------------------------------------------------------------------ wait

next_queue
started=$EPOCHREALTIME
check_status 'wait: a queue that does not come: exit 4' 4 look wait "$queue" --timeout 100ms
took=$(milliseconds_since "$started")
check 'wait: the timeout is waited for' test "$took" -ge 100
check_match 'wait: and said' "^monitor: queue '$queue': does not exist" "$scratch/err"
check_status 'wait: --timeout 0 only looks' 4 look wait "$queue" --timeout 0
"$monitor" wait "$queue" &
waiter=$!
put -- a b
wait "$waiter"
check_equal 'wait: until it exists: exit 0' 0 $?
check_status 'wait: it exists' 0 look wait "$queue" --timeout 0
check_status 'wait --empty: it is not empty: exit 4' 4 look wait --empty "$queue" --timeout 50ms
check_match 'wait --empty: is said' "^monitor: queue '$queue': .*not empty" "$scratch/err"
"$monitor" wait --empty "$queue" &
waiter=$!
check_equal 'wait --empty: others are not disturbed' ab "$(rest --raw)"
wait "$waiter"
check_equal 'wait --empty: until all is acknowledged: exit 0' 0 $?
check_status 'wait --empty: a queue that is there and empty: exit 0' 0 look wait --empty "$queue" --timeout 0
next_queue
sleeps() { # PID: a program, not the shell that starts it
    is_itself "$1" && grep -q '^State:.S' "/proc/$1/status"
}
mkfifo "$scratch/silent"
exec 7<>"$scratch/silent"
"$monitor" wait --empty "$queue" --timeout 2s 2>"$scratch/err" &
waiter=$!
wait_until 10 sleeps "$waiter"
"$producer" -q -Q "$queue" <"$scratch/silent" 7>&- &
silent=$!
wait "$waiter"
check_equal 'wait --empty: a queue made meanwhile, with nothing put: exit 4' 4 $?
check_match 'wait --empty: with nothing put: is said' "^monitor: queue '$queue': nothing was put into it in time" "$scratch/err"
kill_now "$silent"
exec 7>&-
next_queue
"$monitor" wait --empty "$queue" --timeout 20s &
waiter=$!
wait_until 10 sleeps "$waiter"
put --
wait "$waiter"
check_equal 'wait --empty: a queue made meanwhile, whose producer finished with nothing: exit 0' 0 $?
put -- a
"$monitor" wait --empty "$queue" 2>"$scratch/err" &
waiter=$!
wait_until 10 grep -qF "shmq.$queue" "/proc/$waiter/maps"
"$monitor" remove -q --force "$queue"
wait "$waiter"
check_equal 'wait --empty: a queue that is removed meanwhile: exit 5' 5 $?
check_match 'wait --empty: removed: does not speak of a new queue as if there was one' 'if there is a new one of its name' "$scratch/err"
"$monitor" wait "$queue" 2>"$scratch/err" &
waiter=$!
handles_signals() { # PID: it is a monitor by now, not the shell that starts it, and handles SIGTERM (15)
    local caught
    [[ /proc/$1/exe -ef $monitor ]] || return
    caught=$(sed -n 's/^SigCgt:\t//p' "/proc/$1/status" 2>/dev/null)
    ((0x${caught:-0} & 1 << 14))
}
wait_until 10 handles_signals "$waiter"
kill -TERM "$waiter"
wait "$waiter"
check_equal 'wait: interrupted is not done: exit 1' 1 $?
check_match 'wait: interrupted is said' "^monitor: queue '$queue': interrupted" "$scratch/err"

# ------------------------------------------------------------------ shutdown

next_queue
put -- a b
check_status 'shutdown: exit 0' 0 look shutdown "$queue"
check_equal 'shutdown: says nothing on stdout' '' "$(cat "$scratch/out")"
check_match 'shutdown: says what is left' "^monitor: queue '$queue' .*2 messages" "$scratch/err"
check_equal 'shutdown: the state' draining "$(queue_field "$queue" state)"
put -- c 2>/dev/null
check_equal 'shutdown: producers are refused' 3 $?
check_status 'shutdown: once more' 0 look shutdown "$queue"
check_equal 'shutdown: what is in it is delivered' ab "$(rest --raw)"
check_equal 'shutdown, empty: the state' 'shut down 1' "$(queue_field "$queue" state) $(queue_field "$queue" shut_down)"
check_match 'shutdown, empty: show says so' "^queue $queue: shut down\$" <(look show "$queue")
next_queue
put -- a b
check_status 'shutdown --now: exit 0' 0 look shutdown --now "$queue"
check_equal 'shutdown --now: the state' 'shut down' "$(queue_field "$queue" state)"
check_equal 'shutdown --now: nothing is delivered' '' "$(rest)"
check 'shutdown --now: it stays' queue_has messages 2
check_status 'shutdown --now: wait --empty ends: exit 3' 3 timeout 20 "$monitor" wait --empty "$queue"
check_match 'shutdown --now: wait --empty says why' "^monitor: queue '$queue': was shut down before it was empty; its messages stay" \
    "$scratch/err"
check_status 'shutdown after --now does not open it' 0 look shutdown "$queue"
check_match 'shutdown after --now: does not promise a delivery' "2 messages undelivered\$" "$scratch/err"
check_status 'shutdown after --now: resume' 0 look resume "$queue"
check_match 'shutdown after --now: resume says that nothing comes' \
    "^monitor: queue '$queue' was shut down at once: it hands out nothing more; 2 messages in it\$" "$scratch/err"
check_equal 'shutdown after --now: the state' 'shut down' "$(queue_field "$queue" state)"
check_status 'a queue that is shut down: check' 0 look check "$queue"
next_queue
check_status 'shutdown: no such queue: exit 1' 1 look shutdown "$queue"
check_match 'shutdown: no such queue: is said' "^monitor: queue '$queue': .*no such queue" "$scratch/err"

# ------------------------------------------------------------------ peek

next_queue
put -- one $'two\t\\\e[31m' 'three "3"'
before=$(sha256sum <"/dev/shm/shmq.$queue")
check_status 'peek: exit 0' 0 look peek "$queue"
check_match 'peek: a line about each' '^[0-9a-f]+-0-[0-9]+: lane 0, 3 bytes$' "$scratch/out"
check_equal 'peek: the payloads, escaped' '  | one
  | two\t\\\x1b[31m
  | three "3"' "$(grep '^  | ' "$scratch/out")"
check_equal 'peek N: the oldest' '  | one' "$(look peek "$queue" 1 | grep '^  | ')"
check_equal 'peek --raw' "$(printf 'one\ntwo\t\\\e[31m\nthree "3"')" "$(look peek --raw "$queue")"
check_equal 'peek --raw, one: as it is' '6f6e65' "$(look peek --raw "$queue" 1 | od -An -tx1 | tr -d ' \n')"
look peek --json "$queue" >"$scratch/json"
check_json 'peek --json' "$scratch/json"
check_match 'peek --json: what it says' \
    '"lane": 0, "position": [0-9]+, "length": 3, "attempts": 0, "redelivered": false, "headers": null, "payload": "one", "holder": null' \
    "$scratch/json"
check_match 'peek --json: each byte is a character' '"payload": "two\\u0009\\\\\\u001b' "$scratch/json"
check_equal 'peek changes nothing' "$before" "$(sha256sum <"/dev/shm/shmq.$queue")"
put --priority 2 -- other
check_equal 'peek --lane' '  | other' "$(look peek --lane 1 "$queue" | grep '^  | ')"
check_equal 'peek: lane by lane' 'one two' "$(look peek --raw "$queue" | sed -n '1p;2s/two.*/two/p' | paste -sd ' ')"
check_status 'peek --lane: one that is not there' 1 look peek --lane 64 "$queue"
check_match 'peek --lane: is said' "^monitor: queue '$queue': has no lane 64" "$scratch/err"
"$consumer" -q -Q "$queue" --prefetch 1 --work 60s --discard 2>/dev/null &
taker=$!
wait_until 10 shows '"leased": 1, "attempts"'
check_match 'peek: who has it' "in the hands of seat 0 \\(consumer, pid $taker\\)\$" <(look peek --lane 1 "$queue" 1)
check_match 'peek --json: who has it' "\"holder\": \\{\"seat\": 0, \"pid\": $taker, \"program\": \"consumer\", \"alive\": true" \
    <(look peek --json --lane 1 "$queue" 1)
kill_now "$taker"
check_match 'peek: who died with it' "redelivered, left by seat 0 \\(consumer, pid $taker\\)\$" <(look peek --lane 1 "$queue" 1)
next_queue
put --
check_equal 'peek: an empty queue' 0 "$(look peek "$queue" 2>"$scratch/err" | wc -c)"
check_match 'peek: an empty queue: is said' "^monitor: queue '$queue': no messages\$" "$scratch/err"
look peek --json "$queue" >"$scratch/json"
check_json 'peek --json: an empty queue' "$scratch/json"
next_queue
check_status 'peek: no such queue: exit 1' 1 look peek "$queue"
check_usage monitor look 'not a number' peek "$queue" x
check_usage monitor look 'not a number' peek "$queue" 0
check_usage monitor look 'unexpected' peek "$queue" 1 2
check_usage monitor look 'only one queue can be named' purge -Q "$queue.other" "$queue" --force
check_status 'the same name twice is one queue: no such queue' 1 look show -Q "$queue" "$queue"
check_usage monitor look '--json and --raw' peek --json --raw "$queue"
check_usage monitor look '--raw' show --raw "$queue"

# ------------------------------------------------------------------ pause and resume

next_queue
put -- a b
check_status 'pause: exit 0' 0 look pause "$queue"
check_equal 'pause: says nothing on stdout' '' "$(cat "$scratch/out")"
check_match 'pause: says what waits' "^monitor: queue '$queue' is paused: .*; 2 messages in it\$" "$scratch/err"
check_equal 'pause: the state' paused "$(queue_field "$queue" state)"
check_match 'pause: show says so' "^queue $queue: paused" <(look show "$queue")
check_match 'pause: list says so' "^$queue +paused " <(look list)
check_match 'pause: --json says so' '"paused": true' <(look show --json "$queue")
check 'pause: --prometheus says so' grep -qxF "shmq_paused{queue=\"$queue\"} 1" <(look show --prometheus "$queue")
check_status 'pause: check' 0 look check "$queue"
check_status 'pause: once more' 0 look pause "$queue"
check_status 'pause: producers go on' 0 put -- c
check_status 'pause: nothing is delivered: exit 4' 4 take --idle 10ms
check_status 'pause: wait --empty: exit 4' 4 look wait --empty "$queue" --timeout 10ms
check_match 'pause: wait --empty names the pause' \
    "^monitor: queue '$queue': not empty after 10 ms, because it is paused \(see 'monitor resume $queue'\)$" "$scratch/err"
check_equal 'pause: nothing is lost' '' "$(cat "$scratch/out")"
take --raw >"$scratch/taken" &
taker=$!
wait_until 10 is_waited_for
check_status 'resume: exit 0' 0 look resume "$queue"
check_match 'resume: says so' "^monitor: queue '$queue' hands out messages again; [0-3] messages? in it\$" "$scratch/err"
wait "$taker"
check_equal 'resume: whoever waited gets all, to the end' '0 abc' "$? $(cat "$scratch/taken")"
check_equal 'resume: the state' empty "$(queue_field "$queue" state)"
check_status 'resume: once more' 0 look resume "$queue"
check_match 'resume: once more: says that it was not paused' "was not paused: it hands out messages; 0 messages in it\$" "$scratch/err"
next_queue
put -- a b
look pause -q "$queue"
look shutdown -q "$queue"
check_equal 'pause, draining: the state' 'paused 1' "$(queue_field "$queue" state) $(queue_field "$queue" shut_down)"
check_match 'pause, draining: show says both' "^queue $queue: paused, draining" <(look show "$queue")
check_status 'pause, draining: the messages wait' 4 take --idle 10ms
look resume -q "$queue"
check_equal 'pause, draining: resumed, they come' ab "$(take --raw)"
next_queue
put -- a b
look pause -q "$queue"
take >"$scratch/taken" &
taker=$!
wait_until 10 is_waited_for
check_status 'pause: a paused queue can be removed' 0 look remove --force "$queue"
wait "$taker"
check_equal 'pause: whoever waited learns that it is removed' 5 $?
next_queue
for verb in pause resume; do
    check_status "$verb: no such queue: exit 1" 1 look $verb "$queue"
    check_match "$verb: no such queue: is said" "^monitor: queue '$queue': .*no such queue" "$scratch/err"
done

# ------------------------------------------------------------------ finish

next_queue
check_status 'finish: no such queue: exit 1' 1 look finish "$queue"
put -- a
check_status 'finish: all have finished: exit 0' 0 look finish "$queue"
check_match 'finish: all have finished: says so' "^monitor: queue '$queue': nothing to finish" "$scratch/err"
check_equal 'finish: stdout is for data' '' "$(cat "$scratch/out")"
next_queue
# Lanes of other priorities, with messages left: no other producer takes up such lanes.
writers=()
for priority in 7 2 1 4; do
    "$producer" -q -Q "$queue" --priority "$priority" --delay 60s -- a b &
    writers+=($!)
done
wait_until 10 queue_has messages 4
for writer in "${writers[@]:0:3}"; do
    kill_now "$writer"
done
lane_of() { # PID
    "$monitor" show --json "$queue" | sed -n "s/.*{\"lane\": \([0-9]*\), .*\"pid\": $1,.*/\1/p"
}
alive=$(lane_of "${writers[3]}") dead=$(lane_of "${writers[0]}")
check_status 'finish --lane: a living producer: exit 1' 1 look finish "$queue" --lane "$alive"
check_match 'finish --lane: a living producer: is named' \
    "^monitor: queue '$queue': lane $alive: not finished: .*alive.*pid ${writers[3]}" "$scratch/err"
check_status 'finish --lane: no such lane: exit 1' 1 look finish "$queue" --lane 1000
check_match 'finish --lane: no such lane: is said' "^monitor: queue '$queue': has no lane 1000 " "$scratch/err"
check_status 'finish --lane: never used: exit 0' 0 look finish "$queue" --lane 9
check_equal 'finish --lane: nothing was done so far' '3 0' "$(queue_field "$queue" unfinished) $(queue_field "$queue" finished)"
check_status 'finish --lane: exit 0' 0 look finish "$queue" --lane "$dead"
check_match 'finish --lane: says which, and whose' "finished lane $dead, .*pid ${writers[0]}.* 1 message\$" "$scratch/err"
check_equal 'finish --lane: that one alone' '2 1' "$(queue_field "$queue" unfinished) $(queue_field "$queue" finished)"
check_status 'finish --lane: again: exit 0' 0 look finish "$queue" --lane "$dead"
check_match 'finish --lane: again: nothing to finish' 'nothing to finish' "$scratch/err"
check_status 'finish: exit 0' 0 look finish "$queue"
check_equal 'finish: all of the dead with one call, each once, and no living one' '0 3 1' \
    "$(queue_field "$queue" unfinished) $(queue_field "$queue" finished) $(queue_field "$queue" producers)"
kill_now "${writers[3]}"
check_equal 'finish: what they had put is still delivered, an unfinished one is left' 'aaaa 3' "$(rest --raw; echo " $?")"
check_status 'finish: the last: exit 0' 0 look finish -Q "$queue"
check_status 'finish: then consumers end with 0' 0 rest --discard
check_status 'finish: a check finds nothing wrong' 0 look check "$queue"
next_queue
seq 1000 >"$scratch/source"
"$producer" -q -Q "$queue" --resume --rate 20 --input "$scratch/source" &
wait_until 10 shows '"put_messages": [0-9]{2}'
kill_now $!
check_status 'finish: of a source: exit 0' 0 look finish "$queue"
check_status 'finish: of a source: a consumer ends with 0' 0 rest
cp "$scratch/out" "$scratch/begun"
put --resume --input "$scratch/source"
check_same 'finish: the source can still be resumed' "$scratch/source" <(cat "$scratch/begun" - < <(rest))
if ((EUID == 0)) && setpriv --reuid=54321 --regid=54321 --clear-groups "$monitor" --version >/dev/null 2>&1; then
    check_status 'finish: of another user: exit 1' 1 \
        setpriv --reuid=54321 --regid=54321 --clear-groups "$monitor" finish "$queue"
else
    skip 'finish: of another user' 'needs root, setpriv, and a build that others may run'
fi
next_queue

# ------------------------------------------------------------------ remove

check_status 'remove: no such queue: exit 1' 1 look remove "$queue"
check_match 'remove: no such queue: is said' "^monitor: queue '$queue': .*no such queue" "$scratch/err"
put -- a
check_status 'remove: not empty: exit 1' 1 look remove "$queue"
check_match 'remove: not empty: says how many' "^monitor: queue '$queue': not removed: 1 message " "$scratch/err"
check 'remove: not empty: it is still there' queue_has messages 1
rest --discard
check_status 'remove: empty: exit 0' 0 look remove "$queue"
check_match 'remove: is said' "^monitor: removed queue '$queue'" "$scratch/err"
check_equal 'remove: nothing is left' '' "$(objects)"
put -- a
check_status 'remove --force: not empty: exit 0' 0 look remove --force "$queue"
check_match 'remove --force: says what is lost' '1 message' "$scratch/err"
check_equal 'remove --force: nothing is left' '' "$(objects)"
"$producer" -q -Q "$queue" --delay 60s -- a b 2>"$scratch/producer.err" &
writer=$!
wait_until 10 queue_has messages 1
"$consumer" -q -Q "$queue" --follow >"$scratch/received" 2>"$scratch/consumer.err" &
reader=$!
wait_until 10 shows '"waiting": true'
check_status 'remove: in use: exit 1' 1 look remove "$queue"
check_match 'remove: in use: says by whom' "^monitor: .*1 producer and 1 consumer" "$scratch/err"
check_status 'remove --force: in use: exit 0' 0 look remove --force "$queue"
check_equal 'remove --force: in use: nothing is left' '' "$(objects)"
check_status 'remove --force: its consumer: exit 5' 5 wait $reader
sed 's/^/# /' "$scratch/consumer.err"
put -- new
kill -TERM $writer
wait $writer
check_equal 'remove --force: its producer: exit 5' 5 $?
check_equal 'remove --force: a new queue of the name is another one' new "$(rest)"
"$consumer" -q -Q "$queue" --follow >"$scratch/out" &
reader=$!
wait_until 10 shows '"waiting": true'
check_status 'remove: a consumer alone is a user, too' 1 look remove "$queue"
kill_now $reader
check 'semaphores are there' test -e "/dev/shm/sem.shmq.$queue.items"
rm "/dev/shm/shmq.$queue"
check_status 'remove: leftover semaphores: exit 0' 0 look remove "$queue"
check_equal 'remove: leftover semaphores: nothing is left' '' "$(objects)"
check_status 'remove: then there is no such queue' 1 look remove "$queue"
check_status 'remove --force: nor then' 1 look remove --force "$queue"
"$consumer" -q -Q "$queue" --follow >"$scratch/out" &
reader=$!
put -- a
wait_until 10 shows '"waiting": true'
kill_now $reader
check_status 'remove: the dead are no users' 0 look remove "$queue"
check_equal 'remove: the dead are no users: nothing is left' '' "$(objects)"
put -- a
other=$queue.space.0
put -Q "$other" -- b
: >"/dev/shm/sem.shmq.$queue.mine"
"$monitor" remove -q --force "$queue"
check_equal 'remove: a queue whose name begins the same is kept' b "$("$consumer" -q -Q "$other")"
check 'remove: what is not its own is kept' test -e "/dev/shm/sem.shmq.$queue.mine"
rm -f "/dev/shm/sem.shmq.$queue.mine"
check_status 'remove --quiet' 0 look remove --quiet "$other"
check_equal 'remove --quiet: says nothing' '' "$(cat "$scratch/out" "$scratch/err")"

# ------------------------------------------------------------------ damage

# A queue in which a dead consumer has leased five messages, with its pages as in common/core/layout.h and geometry.c.
page=$(getconf PAGESIZE)
next_queue
seq 400 | put --capacity 64K --max-message "$((4 * page))" --lanes 2 --seats 2
"$consumer" -q -Q "$queue" --prefetch 5 --work 60s &
reader=$!
wait_until 10 shows '"leased": 5, "attempts"'
kill_now $reader
cp "/dev/shm/shmq.$queue" "$scratch/good"
size=$(stat -c %s "$scratch/good")
lane=$((page + page + 2 * 4 * page))
leases=$((lane + (page + 4 * 192 + 1024 * 4 + page - 1) / page * page)) # behind the control, 4 marks and 1024 put times
records=$((leases + (1024 * 8 + page - 1) / page * page))

restore() {
    next_queue
    cp "$scratch/good" "/dev/shm/shmq.$queue"
}
overwrite() { # OFFSET BYTES < bytes
    dd of="/dev/shm/shmq.$queue" bs=1 seek="$1" count="$2" conv=notrunc iflag=fullblock status=none
}
ones() {
    tr '\0' '\377' </dev/zero 2>/dev/null
}
restore
check_status 'damage: the copy is good' 0 look check "$queue"
check_damage() { # NAME OFFSET BYTES
    restore
    overwrite "$2" "$3" < <(ones)
    check_status "damage: $1: check says 5" 5 look check "$queue"
    check_match "damage: $1: and why" "^monitor: queue '$queue': .+" "$scratch/err"
    check_equal "damage: $1: check says nothing on stdout" '' "$(cat "$scratch/out")"
    timeout 20 "$consumer" -q -Q "$queue" --grace 10ms --idle 1s --discard 2>"$scratch/err"
    check_equal "damage: $1: a consumer says 5" 5 $?
}
check_damage 'magic' 0 8
check_damage 'version' 8 4
check_damage 'sizes' 24 40
check_damage 'the lane' "$lane" 16
check_damage 'all of the lane' "$lane" $((7 * 128))
check_damage 'records' "$records" $((400 * 16))
for part in "a seat:$page:64" "leases:$leases:$((400 * 8))"; do
    IFS=: read -r name offset bytes <<<"$part"
    restore
    overwrite "$offset" "$bytes" < <(ones)
    check_status "damage: $name: check says 5" 5 look check "$queue"
done
restore
overwrite 0 "$size" </dev/urandom
check_status 'damage: garbage all over: check says 5' 5 look check "$queue"
restore
truncate -s $((size / 2)) "/dev/shm/shmq.$queue"
check_status 'damage: cut off: check says 5' 5 look check "$queue"
check_match 'damage: cut off: list says so' "^$queue .*damaged" <(look list)
check_status 'damage: remove without --force: exit 5' 5 look remove "$queue"
check_status 'damage: remove --force: exit 0' 0 look remove --force "$queue"

# A loss that a consumer has reported: byte 132 is the first of the header's flags.
restore
check_match 'a loss: none so far' '"lost": false' <(look show --json -- "$queue")
printf '\x10' | overwrite 132 1
check_status 'a loss: check: exit 0' 0 look check "$queue"
check_match 'a loss: show' '^ *loss +acknowledged data is no longer where' <(look show -- "$queue")
check_match 'a loss: show --json' '"lost": true' <(look show --json -- "$queue")
check_match 'a loss: show --prometheus' "^shmq_lost\\{queue=\"$queue\"\\} 1\$" <(look show --prometheus -- "$queue")
check_match 'a loss: list' "^$queue .*  data lost\$" <(look list)

# Damage anywhere: an answer in time, and no crash.
bad=''
for offset in $(seq 0 $((page / 2)) $((records + 16 * 1024))); do
    restore
    overwrite $((offset + RANDOM % 64 * 8)) $((RANDOM % 200 + 8)) </dev/urandom
    for command in "$monitor check" "$monitor show" "$monitor show --json" "$consumer -q --discard --grace 1ms --idle 1ms -Q" \
        "$producer -q --timeout 0 --random --count 1 -Q"; do
        # shellcheck disable=SC2086 # it is several words
        timeout 20 $command "$queue" >"$scratch/out" 2>"$scratch/err"
        status=$?
        [[ $status == [01345] && ($status == 0 || -s $scratch/err) ]] || bad+="offset $offset: $command: status $status; "
    done
done
check_equal 'damage: anywhere: no crash, no hang, always a reason' '' "$bad"

# ------------------------------------------------------------------ what is no queue

check_listed() { # NAME STATE: $queue is such an object
    check_status "$1: list: exit 0" 0 look list
    check_match "$1: list: names it $2, and why" "^$queue +$2: ..." "$scratch/out"
    check_status "$1: list --json: exit 0" 0 look list --json
    check_json "$1: list --json" "$scratch/out"
    check_match "$1: list --json: state and reason" "\"name\": \"$queue\", \"state\": \"$2\", \"reason\": \"[^\"]{3,}\"" \
        "$scratch/out"
    check_status "$1: list --prometheus: exit 0" 0 look list --prometheus
    check "$1: list --prometheus: it is not up" grep -qxF "shmq_up{queue=\"$queue\"} 0" "$scratch/out"
}
check_refused() { # NAME STATUS: of check, show, put
    check_status "$1: check: exit $2" "$2" look check "$queue"
    check_match "$1: check: is said" "^monitor: queue '$queue': .+" "$scratch/err"
    check_status "$1: show: exit $2" "$2" look show "$queue"
    check_equal "$1: show: says nothing on stdout" '' "$(cat "$scratch/out")"
}
next_queue
head -c 100000 /dev/urandom >"/dev/shm/shmq.$queue"
check_listed garbage '(damaged|foreign)'
check_refused garbage 5
check_status 'garbage: remove: exit 5' 5 look remove "$queue"
check_status 'garbage: remove --force' 0 look remove --force "$queue"
next_queue
: >"/dev/shm/shmq.$queue"
check_listed 'an empty object' incomplete
check_refused 'an empty object' 1
check_match 'an empty object: show says what it is, as list does' \
    "^monitor: queue '$queue': cannot be read: its creation or removal was interrupted" "$scratch/err"
check_status 'an empty object: remove' 0 look remove "$queue"
check_equal 'an empty object: is gone' '' "$(objects)"
: >"/dev/shm/shmq.$queue"
put -- a
check_equal 'an empty object: a producer completes it' a "$(rest)"
next_queue
mkfifo "/dev/shm/shmq.$queue"
check_listed 'a fifo' '[a-z-]+'
check_status 'a fifo: remove --force' 0 look remove --force "$queue"
next_queue
ln -s /etc/passwd "/dev/shm/shmq.$queue"
check_listed 'a link' '[a-z-]+'
check_status 'a link: remove --force' 0 look remove --force "$queue"
check 'a link: what it points to is kept' test -s /etc/passwd
next_queue
mkdir "/dev/shm/shmq.$queue"
check_listed 'a directory' '[a-z-]+'
look remove --force "$queue" >"$scratch/out" 2>"$scratch/err"
status=$?
check 'a directory: remove --force: says what it did' test "$status" -eq 0 -o -s "$scratch/err"
[[ ! -d /dev/shm/shmq.$queue ]] || check 'a directory: that is still there is no success' test "$status" -ne 0
rm -rf "/dev/shm/shmq.$queue"

as_other() { # COMMAND...: as a user without rights here
    setpriv --reuid=54321 --regid=54321 --clear-groups -- "$@"
}

# One code has three causes: each program names the actual one.
check_cause() { # NAME REGEX: $queue is such an object
    put -- b 2>"$scratch/err"
    check_equal "$1: a producer: exit 1" 1 $?
    check_match "$1: a producer names the cause, alone" "^producer: queue '$queue': cannot be opened: [^,]*$2" "$scratch/err"
    "$consumer" -q -Q "$queue" 2>"$scratch/err"
    check_equal "$1: a consumer: exit 1" 1 $?
    check_match "$1: a consumer names the cause, alone" "^consumer: queue '$queue': [^,]*$2" "$scratch/err"
    check_status "$1: remove: exit 1" 1 look remove "$queue"
    check_match "$1: remove names the cause, alone" "^monitor: queue '$queue': not removed: [^,]*$2" "$scratch/err"
}
next_queue
mkfifo "/dev/shm/shmq.$queue"
check_cause 'not a plain file' 'not a plain file \('
look show "$queue" 2>"$scratch/err"
check_match 'not a plain file: show names it' "^monitor: queue '$queue': cannot be read: it is not a plain file" "$scratch/err"
next_queue
put -- a
chmod 0666 "/dev/shm/shmq.$queue"
check_cause 'writable by anybody' 'anybody may write it \('
if ((EUID == 0)) && as_other "$monitor" --version >/dev/null 2>&1; then
    next_queue
    as_other "$producer" -q -Q "$queue" -- a
    check_cause 'made by another user' 'belongs to another user \('
else
    skip 'made by another user' 'needs root, setpriv, and a build that others may run'
fi
if ((EUID == 0)) && as_other "$monitor" --version >/dev/null 2>&1; then
    next_queue
    put -- a
    as_other "$monitor" show "$queue" >"$scratch/out" 2>"$scratch/err"
    check_equal 'the queue of another user: show: exit 1' 1 $?
    check_match 'the queue of another user: is said' "^monitor: queue '$queue': .*ermission" "$scratch/err"
    check_match 'the queue of another user: list' "^$queue .*forbidden: belongs to root\$" <(as_other "$monitor" list)
    as_other "$monitor" remove --force "$queue" 2>"$scratch/err"
    check_equal 'the queue of another user: remove --force: exit 1' 1 $?
    check 'the queue of another user: is still there' queue_has messages 1
else
    skip 'the queue of another user' 'needs root, setpriv, and a build that others may run'
fi

# ------------------------------------------------------------------ stdout, usage

next_queue
put -- a
for verb in list show 'show --json' 'show --prometheus' check --help --version; do
    # shellcheck disable=SC2086 # it is several words
    SHMQ_QUEUE=$queue look $verb >&- 2>"$scratch/err"
    check_equal "$verb on a closed stdout: exit 1" 1 $?
    check_match "$verb on a closed stdout: is said" '^monitor: standard output: ' "$scratch/err"
    # shellcheck disable=SC2086 # it is several words
    SHMQ_QUEUE=$queue look $verb >/dev/full 2>"$scratch/err"
    check_equal "$verb on a full disk: exit 1" 1 $?
done
# Longer than the buffer for output.
next_queue
writers=()
for _ in {1..16}; do
    "$producer" -q -Q "$queue" --capacity 64K --delay 60s -- a b &
    writers+=($!)
done
wait_until 10 shows '"producers": 16'
check 'a long text: it is one' test "$(look show --json "$queue" | wc -c)" -gt 4200
look show --json "$queue" >/dev/full 2>"$scratch/err"
check_equal 'a long text on a full disk: exit 1' 1 $?
check_match 'a long text on a full disk: the cause is said' '^monitor: standard output: .*No space left' "$scratch/err"
for writer in "${writers[@]}"; do
    kill_now "$writer"
done
next_queue
put -- a
mkfifo "$scratch/fifo"
exec 8<>"$scratch/fifo"
exec 7>"$scratch/fifo" 8<&-
look show "$queue" >&7 2>"$scratch/err"
check_equal 'show without a reader: exit 1' 1 $?
check_match 'show without a reader: is said' '^monitor: standard output: .*Broken pipe' "$scratch/err"
exec 7>&-
check_status 'a closed stderr does no harm' 0 look show "$queue" 2>&-

check_usage monitor look 'no verb'
check_usage monitor look 'frobnicate: unknown verb' frobnicate
check_usage monitor look 'frobnicate: unknown verb' frobnicate "$queue"
check_usage monitor look 'Show: unknown verb' Show "$queue"
check_usage monitor look "$queue: unknown verb" "$queue"
for name in a/b '' ' ' 'a b' 'a*' ../a "$(printf '%0201d' 0)" $'a\tb' 'ä'; do
    for verb in show check peek kick purge remove pause resume shutdown wait finish; do
        status=2
        [[ $name != */* || $verb != @(show|check|peek) ]] || status=1 # a file, which is not there
        check_status "bad name '$name': $verb" $status look "$verb" -- "$name"
    done
    check_match "bad name '$name': says so" "queue.*name" "$scratch/err"
done
check_usage monitor look 'b: unexpected' show a b
check_usage monitor look 'a: unexpected' list a
check_usage monitor look '--bogus' list --bogus
check_usage monitor look "'x'" list -x
check_usage monitor look '--json and --prometheus' list --json --prometheus
check_usage monitor look '--force' show --force "$queue"
check_usage monitor look '--json' remove --json "$queue"
check_usage monitor look '--now' remove --now "$queue"
check_usage monitor look '--empty' list --empty
check_usage monitor look '--timeout' show --timeout 1s "$queue"
check_usage monitor look '--lane x' finish --lane x "$queue"
check_usage monitor look '--lane' finish --lane 1024 "$queue"
check_usage monitor look '--lane' check --lane 1 "$queue"
check_usage monitor look '--timeout x' wait --timeout x "$queue"
check_usage monitor look '--timeout -1' wait --timeout -1 "$queue"
check_usage monitor look 'timeout' wait "$queue" --timeout
check_usage monitor look 'creates no queues' show --capacity 1M "$queue"
for option in -h --help; do
    check_status "$option" 0 look $option
    check_match "$option is on stdout" '^Usage: monitor' "$scratch/out"
    check_equal "$option says nothing on stderr" '' "$(cat "$scratch/err")"
done
for word in list show check peek --raw drop kick --to purge wait finish pause resume shutdown remove --lane --json --prometheus --empty --timeout --now --force --queue --verbose \
    --quiet --help --version; do
    check_match "--help tells of $word" "(^|[ ,])$word( |,|\$)" "$scratch/out"
done
check_status '--version' 0 look --version
check_match '--version is on stdout' '^monitor .*[0-9]+\.[0-9]+' "$scratch/out"
check_status '-V' 0 look -V

check_all_json
next_queue
check_equal 'nothing is left in /dev/shm' '' "$(find /dev/shm -name "*shmq.$SHMQ_TEST_PREFIX*")"
