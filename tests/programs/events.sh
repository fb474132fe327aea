#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# monitor events: what happened to a queue, live, afterwards, and in a copy.
. "$(dirname "$0")/../support/lib.sh"

export TZ=UTC
time='[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}'

events() { # OPTION...
    "$monitor" events "$queue" "$@"
}

sentences() { # without their times and pids
    events | sed -E "s/^$time  //; s/ \(pid [0-9]+\)//g; s/process [0-9]+/a process/"
}

# ------------------------------------------------------------------ what it shows

new_queue
put --priority 2 -- one two three
take -q >/dev/null
"$monitor" pause -q "$queue"
"$monitor" resume -q "$queue"
before=$(sha256sum <"/dev/shm/shmq.$queue")
check_status 'exit 0' 0 events
check_equal 'each line begins with a time' '' "$(grep -vE "^$time  [a-z]" "$scratch/out")"
check_equal 'no line is longer than a terminal' '' "$(awk 'length > 80' "$scratch/out")"
check_equal 'what happened, in order' 'created by a process
producer 0 attached
producer 0 finished and left
consumer 0 attached
consumer 0 left
paused by a process
resumed by a process' "$(sentences)"
check_equal 'it changes nothing' "$before" "$(sha256sum <"/dev/shm/shmq.$queue")"
events --json >"$scratch/json"
check_equal '--json: an object a line, valid, with all fields' '7 created resumed observer null' "$(python3 - "$scratch/json" <<'END'
import json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
fields = {"number", "kind", "party", "party_number", "pid", "about", "about_number", "value", "monotonic_ns", "realtime_ns",
          "text"}
assert all(set(event) == fields for event in events)
assert [event["number"] for event in events] == list(range(len(events)))
assert all(a["monotonic_ns"] <= b["monotonic_ns"] for a, b in zip(events, events[1:]))
print(len(events), events[0]["kind"], events[-1]["kind"], events[-1]["party"], "null" if events[-1]["about"] is None else "?")
END
)"
check_status 'no such queue: exit 1' 1 "$monitor" events "$queue.none"
check_match 'no such queue: says so' "^monitor: queue '$queue.none': .*no such queue" "$scratch/err"
check_usage monitor "$monitor" 'unexpected argument' events "$queue" more
check_usage monitor "$monitor" '--follow' show --follow "$queue"
if [[ -e /dev/full ]]; then
    "$monitor" events "$queue" >/dev/full 2>"$scratch/err"
    check_equal 'no room for the output: exit 1' 1 $?
    timeout 20 "$monitor" events --follow "$queue" >/dev/full 2>"$scratch/err"
    check_equal 'no room for the output, --follow: exit 1' 1 $?
fi

# ------------------------------------------------------------------ empty

# A message that waits for its next try is left.
next_queue
put -- b a
"$consumer" -q -Q "$queue" --follow --retries 1 --backoff 1500ms --exec "grep -q a || [ -e '$scratch/ready' ]" >/dev/null 2>&1 &
pid=$!
check 'a message waits for its next try' wait_until 10 queue_has aside 1
check 'and its consumer too' wait_until 10 is_waiting
empties=$(sentences | grep -c empty)
check_equal 'it is not empty while a message waits for its next try' '0 1' "$empties $(queue_field "$queue" aside)"
touch "$scratch/ready"
check 'it is empty when the message is done' wait_until 10 eval 'sentences | grep -q empty'
kill_now "$pid"

# ------------------------------------------------------------------ deaths

next_queue
put -- one two three four
"$consumer" -q -Q "$queue" --prefetch 3 --exec 'exec sleep 60' >/dev/null 2>&1 &
pid=$!
wait_until 10 is_holding 3 || not_ok 'a consumer takes three messages'
kill_now "$pid"
take -q >/dev/null
check_match 'the death of a consumer, by who finds it' \
    "^$time  consumer 0 \(pid $pid\) was found dead by consumer [0-9] \(pid [0-9]+\)$" <(events)
check_match 'and what was taken over' \
    "^$time  consumer [0-9] \(pid [0-9]+\) took over 3 messages of (consumer 0|its predecessor)$" <(events)
mkfifo "$scratch/fifo"
"$producer" -q -Q "$queue" <"$scratch/fifo" 2>/dev/null &
pid=$!
exec 7>"$scratch/fifo"
wait_until 10 queue_has producers 1 || not_ok 'a producer attaches'
kill_now "$pid"
exec 7>&-
check_status 'a consumer that finds a dead producer: exit 3' 3 take -q --discard
check_equal 'the death of a producer: not before its lane is taken over or finished' '' \
    "$(events | grep 'producer 0 .*found dead')"
"$monitor" finish -q "$queue" 2>/dev/null
check_match 'the death of a producer, by who finishes its lane' \
    "^$time  producer 0 \(pid $pid\) was found dead by process [0-9]+$" <(events)
check_match 'and the finish' "^$time  process [0-9]+ finished the stream of producer 0$" <(events)

# ------------------------------------------------------------------ following

says() { # TEXT [FILE]
    grep -qF -- "$1" "${2-$scratch/follow}" 2>/dev/null
}

follow() { # OPTION...
    rm -f "$scratch/follow"
    env --default-signal=INT "$monitor" events --follow "$queue" "$@" >"$scratch/follow" 2>"$scratch/follow.err" &
    follower=$!
}

next_queue
put -- one
follow
check '--follow: shows what was' wait_until 10 says 'created by'
"$monitor" pause -q "$queue"
check '--follow: and what is new, as it comes' wait_until 10 says 'paused by'
has_ended "$follower" && not_ok '--follow: goes on' "$scratch/follow.err"
kill -INT "$follower"
end_status '--follow: SIGINT: exit 0' 0 "$follower" "$scratch/follow.err"
check_equal '--follow: nothing else is said' '' "$(cat "$scratch/follow.err")"
follow --json
wait_until 10 says '"paused"'
kill -TERM "$follower"
end_status '--follow: SIGTERM: exit 0' 0 "$follower" "$scratch/follow.err"
timeout 60 "$monitor" events --follow "$queue" 2>"$scratch/err" | head -n 1 >"$scratch/out"
check_equal '--follow: nobody reads it any more: exit 1, at once' 1 "${PIPESTATUS[0]}"
check_match '--follow: nobody reads it any more: is said' '^monitor: standard output: (its reader has ended|cannot be .*: Broken pipe)' \
    "$scratch/err"
follow
wait_until 10 says 'paused by'
"$monitor" remove -q --force "$queue"
end_status '--follow: the queue is removed: exit 0' 0 "$follower" "$scratch/follow.err"
check_match '--follow: the last event is the removal' "^$time  removed by process" <(tail -n 1 "$scratch/follow")
check_equal '--follow: the removal is said' "monitor: queue '$queue': was removed" "$(cat "$scratch/follow.err")"
put -- one
follow
wait_until 10 says 'created by'
kill -STOP "$follower"
"$monitor" remove -q --force "$queue"
put -- two
kill -CONT "$follower"
end_status '--follow: removed and made again: exit 0' 0 "$follower" "$scratch/follow.err"
check_equal '--follow: removed and made again: is said' "monitor: queue '$queue': was removed, and there is a new one" \
    "$(cat "$scratch/follow.err")"

# What is cut off the object is gone for its processes, too. Its first page, with the number of events, is still there.
for at in 4096 8192 all-but-one; do
    next_queue
    put --seats 4 --lanes 2 --capacity 64K -- one
    [[ $at != all* ]] || at=$(($(stat -c %s "/dev/shm/shmq.$queue") - 1))
    follow
    wait_until 10 says 'finished and left' || not_ok "--follow: cut off at $at: it has begun" "$scratch/follow.err"
    truncate -s "$at" "/dev/shm/shmq.$queue"
    end_status "--follow: the object is cut off at $at: exit 5" 5 "$follower" "$scratch/follow.err"
    check_match "--follow: the object is cut off at $at: is said" "^monitor: queue '$queue': its events cannot be read: damaged" \
        "$scratch/follow.err"
    rm "/dev/shm/shmq.$queue"
done

# ------------------------------------------------------------------ a storm of kills

next_queue
put --lanes 8 --seats 8 --tick 5ms -- one
seq 2000000 >"$scratch/input"
follow --json
for ((round = 0; round < 30; round++)); do
    victims=()
    for ((i = 0; i < 2; i++)); do
        "$producer" -q -Q "$queue" <"$scratch/input" 2>/dev/null &
        victims+=($!)
        "$consumer" -q -Q "$queue" --follow --prefetch 5 --exec cat >/dev/null 2>&1 &
        victims+=($!)
    done
    sleep "0.0$((1 + RANDOM % 8))"
    for pid in "${victims[@]}"; do
        kill_now "$pid"
    done
done
"$monitor" remove -q --force "$queue"
end_status 'a storm of kills: it follows to the end' 0 "$follower" "$scratch/follow.err"
check_equal 'a storm of kills: each event once, in order, and none impossible' 'True True True True' "$(python3 - "$scratch/follow" <<'END'
import json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
kinds = [event["kind"] for event in events]
print([event["number"] for event in events] == list(range(len(events))),
      all(event["value"] >= 0 and event["kind"] not in ("unknown", "damage") for event in events),
      1 <= kinds.count("death") <= 120 and kinds.count("adopted") <= kinds.count("death"),
      kinds.count("unreadable") <= 120 and kinds.count("death") <= kinds.count("attached"))
END
)"
rm "$scratch/input"

# ------------------------------------------------------------------ the ring, and damage

next_queue
put -- one
for ((i = 0; i < 40; i++)); do
    "$monitor" pause -q "$queue"
    "$monitor" resume -q "$queue"
done
check_equal 'as many as there were' 83 "$(events | wc -l)"
cp "/dev/shm/shmq.$queue" "$scratch/copy"
check_same 'a copy in a file has the same' <(events) <("$monitor" events "$scratch/copy")
check_usage monitor "$monitor" '--follow: a copy in a file does not change' events --follow "$scratch/copy"
# Event 60: the offset of the region is what its time is found by.
offset=$(python3 - "$scratch/copy" "$("$monitor" events --json "$queue" | sed -n '61s/.*"monotonic_ns": \([0-9]*\).*/\1/p')" <<'END'
import struct, sys
print(open(sys.argv[1], "rb").read().find(struct.pack("<q", int(sys.argv[2]))))
END
)
printf '\1' | dd of="$scratch/copy" bs=1 seek="$((offset + 3))" conv=notrunc status=none
check_status 'a damaged event: exit 0' 0 "$monitor" events "$scratch/copy"
check_equal 'a damaged event: is said in its place' '?             event 60 cannot be read: half written, or damaged' \
    "$(sed -n 61p "$scratch/out")"
check_equal 'a damaged event: all others are shown' 82 "$(grep -cE "^$time" "$scratch/out")"

"$monitor" remove -q --force "$queue"
