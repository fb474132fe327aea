#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What producers and consumers say while they wait, and when they go on: they report a wait of more than a second, and the
# end of one of more than ten. All cases run at the same time, because each takes long.
. "$(dirname "$0")/../support/lib.sh"

started=${EPOCHREALTIME//[!0-9]/}
later_than() { # SECONDS: since the start
    ((${EPOCHREALTIME//[!0-9]/} - started > $1 * 1000000))
}

is_held() { # QUEUE
    "$monitor" show --json "$1" | grep -q '"leased": 1, "attempts"'
}

# Starts a program in the background; its messages go to $scratch/NAME.log. Sets pid.
start() { # NAME PROGRAM OPTION...
    local log=$scratch/$1.log
    shift
    : >"$log"
    "$@" >"${log%.log}.out" 2>"$log" </dev/null &
    pid=$!
}

# Checks that the notice has come by the end of the wait, once, and as a whole line.
check_notice() { # NAME PROGRAM REGEX
    check "$1: is said" wait_until 10 grep -Eq "^$2: $3\$" "$scratch/$1.log"
    check_equal "$1: once" 1 "$(grep -c waiting "$scratch/$1.log")"
}

# The long waits come first. A lane of 4 KiB holds 64 short messages.
small=(--capacity 4K --random --count 200)
room=$SHMQ_TEST_PREFIX.room
start room "$producer" -Q "$room" "${small[@]}"
room_pid=$pid
start quiet-room "$producer" -q -Q "$room" "${small[@]}"
idle=$SHMQ_TEST_PREFIX.idle
"$producer" -q -Q "$idle" --
start idle "$consumer" -Q "$idle" --follow --count 1
idle_pid=$pid
start quiet-idle "$consumer" -q -Q "$idle" --follow --count 1
quiet_idle_pid=$pid
absent=$SHMQ_TEST_PREFIX.absent
start absent "$consumer" -Q "$absent" --count 1
absent_pid=$pid

# A wait no longer than the last one that was reported is not reported.
slow=$SHMQ_TEST_PREFIX.slow
"$producer" -q -Q "$slow" --
start slow-consumer "$consumer" -Q "$slow" --follow --count 3
slow_consumer=$pid
wait_until 10 queue_has consumers 1 "$slow"
start slow-producer "$producer" -Q "$slow" --delay 3s -- a b c
trickle=$SHMQ_TEST_PREFIX.trickle
start trickle "$producer" -Q "$trickle" --capacity 4K --max-message 4K --block 4K --input <(head -c 24K /dev/zero)
trickle_pid=$pid
start trickle-consumer "$consumer" -q -Q "$trickle" --work 1700ms --discard

# ------------------------------------------------------------------ waiting for room

check_notice room producer 'waiting for room: the lane is full and no consumer is attached'
one=$SHMQ_TEST_PREFIX.one
start holder "$consumer" -q -Q "$one" --work 60s
holder=$pid
start one "$producer" -Q "$one" "${small[@]}"
large=$SHMQ_TEST_PREFIX.large
start in-place "$producer" -Q "$large" --capacity 64K --max-message 64K --block 64K --input <(head -c 192K /dev/zero)
check_notice one producer 'waiting for room: the lane is full and 1 consumer is attached'
check_notice in-place producer 'waiting for room: the lane is full and no consumer is attached'
start holder-2 "$consumer" -q -Q "$one" --work 60s
holder_2=$pid
wait_until 10 queue_has consumers 2 "$one"
start two "$producer" -Q "$one" "${small[@]}"
check_notice two producer 'waiting for room: the lane is full and 2 consumers are attached'
kill -STOP "$holder" "$holder_2"
start stopped "$producer" -Q "$one" "${small[@]}"
check_notice stopped producer 'waiting for room: the lane is full and 2 consumers are attached, all stopped'
kill_now "$holder"
wait_until 10 queue_has consumers 1 "$one"
start one-stopped "$producer" -Q "$one" "${small[@]}" --progress
check_notice one-stopped producer 'waiting for room: the lane is full and 1 consumer is attached, but stopped'
check_equal 'a --timeout after a second: both are said' 2 "$("$producer" -Q "$one" "${small[@]}" --timeout 1500ms 2>&1 | grep -c -e waiting -e 'no room')"
check_equal '--on-full drop waits for nothing' 0 \
    "$("$producer" -Q "$one" --random --rate 100 --count 200 --on-full drop 2>&1 | grep -c waiting)"

# ------------------------------------------------------------------ waiting for messages

check_notice idle consumer 'waiting for messages: no producer is attached'
check_notice absent consumer "waiting for queue '$absent' to appear"
two=$SHMQ_TEST_PREFIX.two
start writer "$producer" -q -Q "$two" --delay 60s -- a b
writer=$pid
wait_until 10 queue_has producers 1 "$two"
start living "$consumer" -Q "$two" --progress
start with-idle "$consumer" -Q "$two" --idle 60s
check_notice living consumer 'waiting for messages: 1 producer is attached'
check_notice with-idle consumer 'waiting for messages: 1 producer is attached'
kill -STOP "$writer"
start still "$consumer" -Q "$two"
check_notice still consumer 'waiting for messages: 1 producer is attached, but stopped'
kill_now "$writer"
wait_until 10 queue_has unfinished 1 "$two"
start unfinished "$consumer" -Q "$two" --grace 60s
check_notice unfinished consumer \
    'waiting for messages: no producer is attached; 1 died before finishing and can be resumed within --grace 60s'
held=$SHMQ_TEST_PREFIX.held
"$producer" -q -Q "$held" -- a
start keeper "$consumer" -q -Q "$held" --work 60s
wait_until 10 is_held "$held"
start held "$consumer" -Q "$held"
check_notice held consumer 'waiting for messages: no producer is attached; other consumers have 1 message in flight'
"$producer" -q -Q "$held.not" --
start several "$consumer" -Q "$held.not" --producers 3
check_notice several consumer 'waiting for messages: no producer is attached; 1 of 3 has finished'

paused=$SHMQ_TEST_PREFIX.paused
"$producer" -q -Q "$paused" --capacity 4K -- a b
"$monitor" -q pause "$paused"
start paused "$consumer" -Q "$paused"
paused_pid=$pid
start paused-room "$producer" -Q "$paused" "${small[@]}"
paused_room=$pid
check_notice paused consumer \
    "waiting for messages: the queue is paused, with [0-9]+ messages in it \(see 'monitor resume $paused'\)"
check_notice paused-room producer \
    "waiting for room: the lane is full and the queue is paused \(see 'monitor resume $paused'\)"
check_match 'paused: --on-full fail says so' "^producer: queue '$paused': full: it is paused" \
    <("$producer" -Q "$paused" "${small[@]}" --on-full fail 2>&1)
kill_now "$paused_room"
kill_now "$paused_pid"

# Little more than a second. On a busy machine the wait is often longer, so one success of several attempts is enough.
brief=$SHMQ_TEST_PREFIX.brief
for _ in {1..5}; do
    "$producer" -q -Q "$brief" --
    start brief "$consumer" -Q "$brief" --follow --count 1
    brief_pid=$pid
    wait_until 10 queue_has consumers 1 "$brief"
    sleep 1.3
    "$producer" -q -Q "$brief" -- a
    wait "$brief_pid"
    ! grep -q waiting "$scratch/brief.log" || break
done
check_match 'a wait of little more than a second is told of' '^consumer: waiting for messages: ' "$scratch/brief.log"

# ------------------------------------------------------------------ on a terminal

if script --version >/dev/null 2>&1; then
    : >"$scratch/typed"
    script -qfc "exec '$producer' -Q '$one' --random --progress" /dev/null </dev/null >"$scratch/typed" &
    script=$!
    shown() { # SED-COMMAND: what the terminal has got, with E for ESC, and a line for each CR
        tr '\033\r' 'E\n' <"$scratch/typed" | sed -- "$1"
    }
    shows() { # SED-COMMAND REGEX
        shown "$1" | grep -Eq -- "$2"
    }
    check_terminal() { # NAME SED-COMMAND REGEX
        wait_until 20 shows "$2" "$3" && ok "$1" && return
        not_ok "$1" "nothing matches $3" "$(shown '')"
    }
    check_terminal 'the line of --progress is erased first' '' '^E\[Kproducer: waiting for room: '
    check_terminal 'the line of --progress comes again behind it' '1,/waiting for room/d' ' in.* full: '
    kill -TERM "$(pgrep -P "$script" -x producer)"
    wait "$script"
else
    skip 'the line of --progress is erased first' 'script is missing'
fi

# ------------------------------------------------------------------ going on

wait "$slow_consumer"
check_equal 'a slow trickle of messages: is told of once' 1 "$(grep -c waiting "$scratch/slow-consumer.log")"
wait "$trickle_pid"
check_equal 'a slow trickle of room: is told of once' 1 "$(grep -c waiting "$scratch/trickle.log")"
check_equal 'short waits: no word of going on' 0 "$(cat "$scratch"/trickle.log "$scratch/slow-consumer.log" | grep -c 'going on')"

wait_until 30 later_than 12
"$producer" -q -Q "$absent" -- a
"$producer" -q -Q "$idle" -- a b
"$consumer" -q -Q "$room" --discard
for pid in $room_pid $idle_pid $quiet_idle_pid $absent_pid; do
    wait "$pid"
done
check_going_on() { # NAME PROGRAM
    check_match "$1: that it goes on is said" "^$2: going on after 1?[0-9]{2} s\$" "$scratch/$1.log"
    check_equal "$1: three lines, with the last" 3 "$(wc -l <"$scratch/$1.log")"
}
check_going_on room producer
check_going_on idle consumer
check_going_on absent consumer
check_equal '-q: nothing is said' '' "$(cat "$scratch/quiet-room.log" "$scratch/quiet-idle.log")"
