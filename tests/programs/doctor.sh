#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the monitor's doctor says of a machine and of queues, sound and ill, and what it mends. The machine is one of its
# own, where a mount namespace can be had: /dev/shm and /run are small file systems that nobody else uses.
. "$(dirname "$0")/../support/lib.sh"

# ------------------------------------------------------------------ queues

finds() { # NAME STATUS REGEX [OPTION...]: `doctor QUEUE` ends with it, and says it, in JSON, too
    local name=$1 status=$2 regex=$3
    shift 3
    check_status "$name: status" "$status" "$monitor" doctor "$queue" "$@"
    check_match "$name: is said" "$regex" "$scratch/out"
    "$monitor" doctor --json "$queue" "$@" >"$scratch/json" 2>/dev/null
    check "$name: as JSON" is_json "$scratch/json"
}

is_json() {
    if command -v python3 >/dev/null; then
        python3 -c 'import json, sys; json.load(open(sys.argv[1], encoding="ascii"))' "$1"
    else
        grep -q '^{"findings": \[$' "$1"
    fi
}

new_queue
put --capacity 64K --lanes 4 --seats 4 -- one two three
finds 'messages without a consumer' 1 "^warning  $queue: 3 messages wait, the oldest for [0-9.]+ s, and no consumer is attached \(start a consumer: '.*consumer -Q $queue'\)$"
"$producer" -q -Q "$queue" --random >/dev/null 2>&1 &
pid=$!
wait_until 10 is_blocked || not_ok 'a producer waits for room'
finds 'a full queue without a consumer' 1 "^warning  $queue: 1 producer waits for room, and no consumer is attached \(start a consumer\)$"
kill_now "$pid"
"$monitor" finish -q "$queue"
take -q --discard
finds 'a sound queue' 0 "^ok       $queue: all invariants hold, 0 messages in it$"
check_equal 'a sound queue: nothing is wrong' '' "$(grep -v '^ok' "$scratch/out")"
check_equal 'a sound queue: with -q, nothing is said' '' "$("$monitor" doctor -q "$queue" 2>&1)"
check_status 'a queue that is not there' 1 "$monitor" doctor "$queue.none"
check_match 'a queue that is not there: is said' 'no such queue' "$scratch/err"

put -- one two three
"$monitor" pause -q "$queue"
finds 'a paused queue' 1 "^warning  $queue: paused for .*: 3 messages wait, and are not handed out \('.*monitor resume $queue'\)$"
"$monitor" doctor "$queue" >"$scratch/both" 2>&1
check_equal 'stdout and stderr in one file: the summary comes last' 'monitor: 1 warning, 0 failures' "$(tail -n 1 "$scratch/both")"
"$monitor" resume -q "$queue"
if ((EUID == 0)) && setpriv --reuid=54321 --regid=54321 --clear-groups "$monitor" --version >/dev/null 2>&1; then
    as_other=(setpriv --reuid=54321 --regid=54321 --clear-groups "$monitor")
    check_status 'a queue that may not be read, if it is named: exit 1' 1 "${as_other[@]}" doctor "$queue"
    check_match 'a queue that may not be read: is said' "^warning  $queue: belongs to .*, and was not looked at" "$scratch/out"
    check_status 'list --alert: a queue that may not be read: exit 0' 0 "${as_other[@]}" list --alert 'messages>1'
    check_match 'list --alert: a queue that may not be read: is said' 'not looked at' "$scratch/err"
else
    skip 'a queue that may not be read' 'needs root, setpriv, and a build that others may run'
fi

"$consumer" -q -Q "$queue" --follow --prefetch 2 --work 60s --discard >/dev/null 2>&1 &
pid=$!
wait_until 10 is_holding 2 || not_ok 'a consumer has messages'
kill -STOP "$pid"
wait_until 10 grep -q '^State:.*[Tt] (' "/proc/$pid/status"
finds 'a stopped consumer' 1 "^warning  $queue: consumer 0 \(consumer, pid $pid\) is stopped with 2 messages; until these are done, .* of lane 0 cannot be used again \('kill -CONT $pid', or 'kill -KILL $pid' to give them to others\)$"
kill -CONT "$pid"
wait_until 10 "$monitor" doctor -q "$queue" >/dev/null 2>&1
check_status 'a stopped consumer that goes on: all is well' 0 "$monitor" doctor "$queue"
kill_now "$pid"
finds 'a dead consumer' 1 "^warning  $queue: consumer 0 died with 2 messages, which nobody has taken over.*\(start a consumer"
take -q --discard
check_status 'a dead consumer whose messages are done: all is well' 0 "$monitor" doctor "$queue"

next_queue
"$producer" -q -Q "$queue" --capacity 4K --on-full drop --input <(seq 1000) 2>/dev/null
refused=$(queue_field "$queue" refused)
finds 'dropped messages' 1 "^warning  $queue: $refused puts found no room, and $(queue_field "$queue" dropped) messages were dropped \(start more consumers, or make the queue with a larger --capacity\)$"
next_queue
"$producer" -q -Q "$queue" --capacity 4K --on-full fail --input <(seq 1000) 2>/dev/null
finds 'a put that was refused' 1 "^warning  $queue: 1 put found no room, and it is [0-9]+ % full now \("
rest --discard 2>/dev/null
check_equal 'a put that was refused: there is room again' '' "$("$monitor" doctor "$queue" | grep 'no room')"
next_queue

"$producer" -q -Q "$queue" --capacity 64K --lanes 4 --seats 4 --delay 60s -- one two >/dev/null 2>&1 &
pid=$!
wait_until 10 holds_at_least 1 || not_ok 'a producer puts a message'
kill -STOP "$pid"
finds 'a stopped producer' 1 "^warning  $queue: producer [0-9] \(producer, pid $pid\) is stopped \('kill -CONT $pid'\)$"
kill -CONT "$pid"
kill_now "$pid"
finds 'a dead producer' 1 "^warning  $queue: 1 producer died before its stream ended.*'.*monitor finish $queue' ends the stream\)$"
"$monitor" finish -q "$queue"
take -q --discard

# A semaphore keeps nothing, so it may be removed and made at any time.
"$consumer" -q -Q "$queue" --follow >"$scratch/taken" 2>/dev/null &
pid=$!
wait_until 10 is_waiting || not_ok 'a consumer waits'
semaphore=/dev/shm/sem.shmq.$queue.items
wait_until 10 test -e "$semaphore"
chmod 0666 "$semaphore"
finds 'a semaphore that anybody may write' 1 "^warning  $queue: the semaphore $semaphore may be written by more users.*\('rm $semaphore'\)$"
check_status 'a semaphore that anybody may write: is mended' 0 "$monitor" doctor --fix "$queue"
check_match 'a semaphore that anybody may write: is said to be' "^fixed    $queue: removed $semaphore" "$scratch/out"
rm -f "$semaphore"
wait_until 10 is_waiting
if [[ ! -e $semaphore ]]; then
    finds 'a missing semaphore' 1 "^warning  $queue: the semaphore on which 1 consumer is asleep is missing"
    check_status 'a missing semaphore: is mended' 0 "$monitor" doctor --fix "$queue"
fi
put -- awake
check 'mended semaphores: the queue works' wait_until 10 got_lines "$scratch/taken" 1
kill_now "$pid"
take -q --discard

chmod 0666 "/dev/shm/shmq.$queue"
finds 'a queue that anybody may write' 5 "^failure  $queue: anybody may write it.*\('chmod o-rwx /dev/shm/shmq.$queue'\)$"
chmod 0600 "/dev/shm/shmq.$queue"

put -- one
lane_at=$((8192 + 4 * $(queue_field "$queue" max_message_bytes)))
printf '\377\377' | dd of="/dev/shm/shmq.$queue" bs=1 seek="$lane_at" conv=notrunc status=none
finds 'a damaged queue' 5 "^failure  $queue: damaged: .*\('.*monitor save $queue FILE' keeps it, then '.*monitor remove $queue --force'\)$"
check_status 'a damaged queue: is not mended' 5 "$monitor" doctor --fix "$queue"
check 'a damaged queue: and stays' test -e "/dev/shm/shmq.$queue"

next_queue
dead=$queue.dead
put -Q "$dead" --capacity 64K -- letter
queue=$dead finds 'dead letters that nobody looks at' 1 "^warning  $dead: 1 dead letter is here.*'.*monitor peek $dead'; try them again: '.*monitor kick $dead'\)$"
"$monitor" remove -q --force "$dead"

next_queue
: >"/dev/shm/shmq.$queue"
finds 'an interrupted creation' 1 "^warning  $queue: its creation or removal was interrupted"
check_status 'an interrupted creation: is mended' 0 "$monitor" doctor --fix "$queue"
check 'an interrupted creation: is gone' no_queue

next_queue
put --capacity 64K -- one
printf '\005' | dd of="/dev/shm/shmq.$queue" bs=1 seek=8 conv=notrunc status=none
finds 'a queue of another version' 1 "^warning  $queue: cannot be read: made by another version"
rm "/dev/shm/shmq.$queue"
next_queue
put --capacity 64K -- one
truncate -s 4096 "/dev/shm/shmq.$queue"
finds 'a queue that is cut off' 5 "^failure  $queue: cannot be read: damaged.*\('cp /dev/shm/shmq.$queue FILE' keeps what is left, then '.*monitor remove $queue --force'\)$"
check_status 'a queue that is cut off: cannot be saved' 5 "$monitor" save "$queue" "$scratch/saved"
check_match 'a queue that is cut off: which says so, too' "cannot be saved: damaged: .*'cp /dev/shm/shmq.$queue FILE'" "$scratch/err"
rm "/dev/shm/shmq.$queue"
mkdir "/dev/shm/shmq.$queue"
finds 'a folder' 5 "^failure  $queue: cannot be read: it is not a plain file \('rm -r /dev/shm/shmq.$queue' deletes it\)$"
rmdir "/dev/shm/shmq.$queue"
"$monitor" doctor --help >"$scratch/help"
check_match 'the help says what the statuses are' 'Exit 0: all is well; 1: warnings' "$scratch/help"

# ------------------------------------------------------------------ a machine

place() { # WORD COMMAND...: its status and output as of that place
    "${@:2}" >"$scratch/place.$1" 2>&1 3>&-
    echo "$1 $?" >&3
}

in_own_place() {
    mount -t tmpfs -o size=300m shmq-test /dev/shm && mount -t tmpfs shmq-test /run || exit 77
    place sound "$monitor" doctor
    touch /dev/shm/sem.shmq.gone.items /dev/shm/sem.shmq.gone.space.3 /dev/shm/sem.other
    place leftover "$monitor" doctor
    place leftover_fixed "$monitor" doctor --fix
    place leftover_after "$monitor" doctor
    ls /dev/shm >"$scratch/place.left"
    "$producer" -q -Q two --lanes 2 --capacity 16M -- x
    mount -o remount,size=24m /dev/shm
    place docker "$monitor" doctor
    mount -o remount,size=300m /dev/shm
    head -c 260M /dev/zero >/dev/shm/filler
    place full "$monitor" doctor
    rm /dev/shm/filler
    (ulimit -f 1000 && place limit "$monitor" doctor)
    mount -o remount,ro /dev/shm
    place ro "$monitor" doctor
    umount /dev/shm
    mount -t tmpfs -o mode=0777,size=300m shmq-test /dev/shm
    place sticky "$monitor" doctor
    chmod 1777 /dev/shm
    mkdir -p /run/systemd/system /run/systemd/logind.conf.d
    place root "$monitor" doctor
    if setpriv --reuid 12345 --clear-groups "$monitor" --version >/dev/null 2>&1; then
        place logind setpriv --reuid 12345 --clear-groups "$monitor" doctor
        printf '[Login]\n  RemoveIPC = no\n' >/run/systemd/logind.conf
        place logind_no setpriv --reuid 12345 --clear-groups "$monitor" doctor
        printf '[Other]\nRemoveIPC=no\n[Login]\nRemoveIPC=yes\n' >/run/systemd/logind.conf.d/50-x.conf
        place logind_drop_in setpriv --reuid 12345 --clear-groups "$monitor" doctor
    fi
}
export -f in_own_place place
export producer monitor scratch

check_place() { # WORD STATUS REGEX
    if ! grep -q "^$1 " "$scratch/places"; then
        skip "machine, $1" 'not tried here'
        return
    fi
    check_equal "machine, $1: status" "$1 $2" "$(grep "^$1 " "$scratch/places")"
    check_match "machine, $1: is said" "$3" "$scratch/place.$1"
}

if ((EUID == 0)) && unshare -m bash -c in_own_place 3>"$scratch/places" 2>/dev/null; then
    check_place sound 0 '^ok       machine: /dev/shm has 300 MiB'
    check_equal 'machine, sound: nothing is wrong' '' "$(grep -v '^ok' "$scratch/place.sound")"
    for fact in 'Linux ' 'glibc ' 'processor' 'membarrier is available' '/proc shows' 'not limited'; do
        check_match "machine, sound: tells '$fact'" "^ok       machine: .*$fact" "$scratch/place.sound"
    done
    check_place leftover 1 "^warning  gone: a semaphore is left, and the queue is not there \('rm /dev/shm/sem.shmq.gone.items'\)$"
    check_place leftover_fixed 0 '^fixed    gone: removed /dev/shm/sem.shmq.gone.space.3'
    check_place leftover_after 0 'no semaphore is left'
    check_equal 'machine, leftover: nothing else is removed' sem.other "$(cat "$scratch/place.left")"
    check_place docker 1 "^warning  machine: one more producer of queue 'two' may find no room: .*docker run --shm-size"
    check_match 'machine, docker: and how small it is' '^warning  machine: /dev/shm has 24 MiB, as Docker' "$scratch/place.docker"
    check_place full 1 '^warning  machine: /dev/shm is 9[0-9] % full: .* are free'
    check_place limit 1 "^warning  machine: files may have at most .*\('ulimit -f unlimited'\)"
    check_place ro 5 "^failure  machine: /dev/shm is mounted read-only.*remount,rw"
    check_place sticky 1 "^warning  machine: anybody may delete other users' queues"
    check_place root 0 'RemoveIPC=yes, but the queues here are of system users'
    check_place logind 1 '^warning  machine: RemoveIPC=yes.*loginctl enable-linger 12345'
    check_place logind_no 0 'RemoveIPC=no in /run/systemd/logind.conf: queues outlive logins'
    check_place logind_drop_in 1 'RemoveIPC=yes in /run/systemd/logind.conf.d/50-x.conf'
else
    skip 'a machine' 'needs root, and to be allowed to mount'
fi
