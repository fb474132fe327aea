#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the monitor reads of a queue when all its processes are gone: from a copy of its object in a file, whole, cut off,
# damaged, or no copy at all.
. "$(dirname "$0")/../support/lib.sh"

copy=$scratch/copy

# A queue of five messages, of which a consumer had the first two when it was killed. Copied, then removed.
make_copy() {
    new_queue
    put --lanes 2 --seats 4 --capacity 64K -- one two three four five
    "$consumer" -q -Q "$queue" --prefetch 2 --exec 'exec sleep 60' >/dev/null 2>&1 &
    pid=$!
    wait_until 10 is_holding 2 || not_ok 'a consumer takes two messages'
    kill_now "$pid"
    cp "/dev/shm/shmq.$queue" "$copy"
    "$monitor" remove -q --force "$queue"
}

file_field() { # FIELD [FILE]
    field=$("$monitor" show --json "${2-$copy}" 2>/dev/null)
    [[ $field =~ \"$1\"\ *:\ *\"?([^\",}$'\n']*) ]] && printf '%s\n' "${BASH_REMATCH[1]}"
}

# ------------------------------------------------------------------ a whole copy

make_copy
check_status 'show reads a file' 0 "$monitor" show "$copy"
check_match 'show says what it is' "^queue $queue \\(a copy in $copy\\): ok$" "$scratch/out"
check_match 'and what held it up, as far as is known' \
    'why a copy: 5 messages waited, and whether the consumer was alive is not known as of' <(tr -s '\n ' ' ' <"$scratch/out")
check_match 'show claims no death in a copy' '^ *0 in copy  ' "$scratch/out"
check_equal 'nor anybody alive, or a consumer missing' '' "$(grep -E 'alive|died|no consumer' "$scratch/out" | grep -v '^  why ')"
check_equal 'show counts the messages in a file' 5 "$(file_field messages)"
"$monitor" show "$copy" >"$scratch/out"
check_match 'the permissions shown are said to be those of the file' '^  access .* \(of the file\)$' "$scratch/out"
check_match 'and the memory' '^  memory .* \(of the file\)$' "$scratch/out"
check_equal 'show says that it is a copy' true "$(file_field copy)"
check_equal 'show names the file' "$copy" "$(file_field file)"
check_equal 'and the queue' "$queue" "$(file_field name)"
check_usage monitor "$monitor" "--prometheus: metrics are of queues, and $copy is a copy" show --prometheus "$copy"
check_equal 'nobody is alive in a file' '0 0' "$(file_field producers) $(file_field consumers)"
check_status 'events reads a file' 0 "$monitor" events "$copy"
check_match 'events shows what happened' 'created by process' "$scratch/out"
check_status 'check verifies a file' 0 "$monitor" check "$copy"
check_match 'check says so' "^$copy: all invariants hold" "$scratch/out"
check_status 'peek shows what is in a file' 0 "$monitor" peek --raw "$copy"
check_equal 'peek shows all of it, in order' 'one two three four five' "$(paste -sd' ' "$scratch/out")"
check_equal 'peek says who had it' 2 "$("$monitor" peek --json "$copy" | grep -c '"alive": false')"
check_match 'peek claims no death in a copy' ', taken by seat 0 \(consumer, pid [0-9]+\)$' <("$monitor" peek "$copy")
check_status 'a relative path is a file, too' 0 env -C "$scratch" "$monitor" check ./copy
check_status 'a file has only the lanes that it has' 1 "$monitor" peek --lane 2 "$copy"
check_match 'and the message names the file' "^monitor: file '$copy': has no lane 2" "$scratch/err"
no_object() {
    ! compgen -G "/dev/shm/*$SHMQ_TEST_PREFIX*" >/dev/null
}
check 'reading a file makes nothing in /dev/shm' no_object

# ------------------------------------------------------------------ time stands still

new_queue
put -- one two
"$consumer" -q -Q "$queue" --prefetch 1 --exec 'exec sleep 60' >/dev/null 2>&1 &
pid=$!
wait_until 10 is_holding 1 || not_ok 'a consumer takes a message'
"$monitor" save -q "$queue" "$scratch/held"
kill -STOP "$pid" # of which the copy knows nothing
check_match 'a consumer that was alive when its queue was saved is alive in the copy' '^ *0 running +'"$pid"' consumer' \
    <("$monitor" show "$scratch/held")
check_match 'and has what it had' ", in the hands of seat 0 \\(consumer, pid $pid\\)\$" <("$monitor" peek "$scratch/held")
kill -CONT "$pid"
kill_now "$pid"
"$monitor" save -q --force "$queue" "$scratch/held"
check_match 'one that had died is dead in the copy' '^ *0 dead +'"$pid"' consumer' <("$monitor" show "$scratch/held")
check_match 'and what it had is redelivered' ", redelivered, left by seat 0 \\(consumer, pid $pid\\)\$" \
    <("$monitor" peek "$scratch/held")
"$monitor" remove -q --force "$queue"

new_queue
seq 100000 | "$producer" -q -Q "$queue" --capacity 64K --lanes 2 --seats 4 2>/dev/null &
pid=$!
wait_until 10 is_blocked || not_ok 'a producer waits for room'
check_status 'a full queue is saved' 0 "$monitor" save -q "$queue" "$scratch/full"
live=$("$monitor" show "$queue" | sed -n 's/.* created \(.*\) ago by .*/\1/p')
kill_now "$pid"
"$monitor" remove -q --force "$queue"
check_match "in use, the time since its creation is shown" '^[0-9.]+ s$' <(echo "$live")
check_status 'its copy is shown' 0 env TZ=UTC "$monitor" show "$scratch/full"
check_match 'it says why it waited' '^  why +a copy: it was full: 1 producer waited, no consumer was attached$' "$scratch/out"
check_match 'and who was alive' '^  producers +1 alive, 0 finished, 0 died unfinished$' "$scratch/out"
check_match 'and what the producer did' '^ *0 blocked +[0-9]+ producer' "$scratch/out"
check_match 'and which moment it shows' '^  as of +20[0-9-]+ [0-9:]{8}, when it was saved$' "$scratch/out"
check_match 'and when it was created' ' created 20[0-9-]+ [0-9:]{8} by pid [0-9]+$' <(tr -s '\n ' ' ' <"$scratch/out" | grep -o ' id .* by pid [0-9]*')
check_match 'and an age of that moment' '^  oldest +put [0-9.]+ m?s earlier$' "$scratch/out"
cp "$scratch/out" "$scratch/before"
sleep 1.1
env TZ=UTC "$monitor" show "$scratch/full" >"$scratch/after"
check_same 'later, it says the same' "$scratch/before" "$scratch/after"
printf '\0' | dd of="$scratch/full" bs=1 seek=896 conv=notrunc status=none # the name
check_match 'without a name, the file has one' "^copy $scratch/full: full$" <("$monitor" show "$scratch/full")

new_queue
put -- one
check_status "the path of a queue's own object names the queue" 0 "$monitor" show --json "/dev/shm/shmq.$queue"
check_match 'which is no copy' '"copy": false' "$scratch/out"
check_status 'check takes such a path, too' 0 "$monitor" check "/dev/shm/shmq.$queue"
check_status 'and peek' 0 "$monitor" peek "/dev/shm/shmq.$queue"

# ------------------------------------------------------------------ cut off, damaged

size=$(stat -c %s "$copy")
head -c $((size - 1)) "$copy" >"$scratch/short"
check_status 'a file that lacks a byte is damaged' 5 "$monitor" check "$scratch/short"
check_match 'check says where it ends' "^monitor: file '.*': the file ends at byte $((size - 1)) of $size: without times of messages" "$scratch/err"
check_match 'check adds nothing that only follows from it' '^monitor: .*: damaged: 1 invariant does not hold' "$scratch/err"
check_status 'show reads what is there of it' 5 "$monitor" show --json "$scratch/short"
check_match 'with all numbers' '"messages": 5' "$scratch/out"
check_match 'and says that it is damaged' '"state": "damaged"' "$scratch/out"
check_match 'in words, too' "^monitor: file '.*': not all of it can be read: the file ends at byte" "$scratch/err"
check_status 'peek shows what is there of it' 5 "$monitor" peek --raw "$scratch/short"
check_equal 'which is everything here' 'one two three four five' "$(paste -sd' ' "$scratch/out")"
head -c 4096 "$copy" >"$scratch/headless"
check_status 'a file without lanes and seats is damaged' 5 "$monitor" check "$scratch/headless"
check_equal 'which is one problem, with a last line' 2 "$(wc -l <"$scratch/err")"
check_status 'show reads its header' 5 "$monitor" show --json "$scratch/headless"
for field in messages put_messages used_bytes oldest_ns; do
    check_match "what cannot be read is not known: $field" "\"$field\": null" "$scratch/out"
done
check_match 'what is in the header is known' '"lanes": [1-9]' "$scratch/out"
"$monitor" show "$scratch/headless" >"$scratch/out" 2>&1
check_match 'not in the table, either' '^  messages +not known: 1 of 1 lane cannot be read$' "$scratch/out"
check_match 'nor who was there' '^  consumers +not known$' "$scratch/out"
cp "$copy" "$scratch/long"
printf x >>"$scratch/long"
check_status 'a file with something behind it is damaged' 5 "$monitor" check "$scratch/long"

# Every program ends with 5, whatever is cut off; none is killed by a signal.
cut_off() {
    local at status verb bad=''
    for ((at = size - 4096; at > 4096; at -= at > 300000 ? 100000 : 8192)); do
        truncate -s "$at" "$scratch/short"
        for verb in show check peek events; do
            "$monitor" "$verb" "$scratch/short" >/dev/null 2>&1
            status=$?
            ((status == 5)) || bad+=" $verb-at-$at:$status"
        done
    done
    [[ ! $bad ]] || printf '%s\n' "$bad"
}
check_equal 'wherever it is cut off, what is there is read, and the status is 5' '' "$(cut_off)"

# Where a file can be cut: nothing of it, within its first page, at its pages, and in the middle of each part.
capacity=$(file_field capacity_bytes)
seats_at=4096
lane_at=$((8192 + 4 * $(file_field max_message_bytes)))
lane_bytes=$(((size - lane_at) / 2)) # somewhat more than a lane has
records_at=$((lane_at + 4096 + 4096 + 4096 + 8192)) # behind control, marks with put times, lease words
events_at=$((size - 4 * 16384 - 4096 * 64))
cuts=(0 1 448 895 896 4095 "$seats_at" $((seats_at + 384)) $((lane_at + 600)) $((records_at + 40)) \
    $((lane_at + lane_bytes - capacity / 2)) $((events_at + 32)) $((events_at + 64)) $((events_at + 2 * 64 + 16)) $((size - 1)))

# Every verb that takes a file ends with 5, says in one line why, and what --json prints is valid.
read_cut() { # VERB OPTION...
    local at status bad=''
    for at in "${cuts[@]}"; do
        cp "$copy" "$scratch/short"
        truncate -s "$at" "$scratch/short"
        "$monitor" "$@" "$scratch/short" >"$scratch/out" 2>"$scratch/err"
        status=$?
        ((status == 5)) || bad+=" at-$at:$status"
        grep -q "^monitor: file '$scratch/short': " "$scratch/err" || bad+=" at-$at:unsaid"
        [[ $* != *json* || ! -s $scratch/out ]] || json_is_valid "$scratch/out" || bad+=" at-$at:json"
    done
    printf '%s' "$bad"
}
json_is_valid() { # FILE: a value, or one in each line
    python3 -c 'import json, sys
text = open(sys.argv[1]).read()
try: json.loads(text)
except ValueError: [json.loads(line) for line in text.splitlines()]' "$1" 2>/dev/null
}
for words in show 'show --json' check 'check --json' peek 'peek --raw' 'peek --json' events 'events --json'; do
    read -ra verb <<<"$words"
    check_equal "$words: wherever the file is cut off, what cannot be read is said, and the status is 5" '' "$(read_cut "${verb[@]}")"
done

# What is there is shown, what is not there is said, and no writer is blamed for it.
check_equal 'a whole copy has its events' 0 "$("$monitor" events "$copy" | grep -vc 'created\|attached\|left')"
total=$("$monitor" events "$copy" | wc -l)
cp "$copy" "$scratch/short"
truncate -s $((events_at + 2 * 64 + 16)) "$scratch/short"
check_status 'events: those before the cut are shown' 5 "$monitor" events "$scratch/short"
check_same 'events: and no others' <("$monitor" events "$copy" | head -n 2) "$scratch/out"
check_equal 'events: the message says what is missing' \
    "monitor: file '$scratch/short': $((total - 2)) of its $total events cannot be read: the file ends at byte \
$((events_at + 144)) of $size: without part of the events and times of messages" "$(cat "$scratch/err")"
truncate -s 4096 "$scratch/short"
check_status 'show: a file of one page is shown as far as it goes' 5 "$monitor" show "$scratch/short"
check_match 'show: and the message says what cannot be read' \
    "^monitor: file '$scratch/short': not all of it can be read: the file ends at byte 4096 of $size: without all seats, seat buffers, lane 0," \
    "$scratch/err"

# An object that was cut off cannot be opened, but copied and read.
new_queue
put --lanes 2 --seats 4 --capacity 64K -- one
truncate -s 4096 "/dev/shm/shmq.$queue"
for verb in show check peek events; do
    check_status "$verb: the object of a queue is cut off: exit 5" 5 "$monitor" "$verb" "$queue"
    check_match "$verb: the object of a queue is cut off: what is missing, and how to read the rest" \
        "^monitor: queue '$queue': .*: damaged: the file ends at byte 4096 of $size: without .*'cp /dev/shm/shmq.$queue FILE'" \
        "$scratch/err"
done
check_status 'a verb that takes no file says less' 5 "$monitor" pause "$queue"
check_match 'but that it is damaged' "^monitor: queue '$queue': cannot be paused: damaged, or not a queue" "$scratch/err"
next_queue
put --lanes 2 --seats 4 --capacity 64K -- one two three
"$build/tests/tool_damage" "$queue" seat
"$build/tests/tool_damage" "$queue" state
truncate -s "$(($(stat -c %s "/dev/shm/shmq.$queue") - 4096))" "/dev/shm/shmq.$queue"
check_status 'a damaged object that is cut off: exit 5' 5 "$monitor" show "$queue"
check_match 'a damaged object that is cut off: check is to be asked about the queue' \
    "more: see '.*monitor check $queue'\\)" "$scratch/err"
rm "/dev/shm/shmq.$queue"

# The file shrinks while it is read, and grows again.
shrinking() {
    local i status bad=''
    while :; do
        cp "$copy" "$scratch/moving"
        truncate -s $((RANDOM * 20)) "$scratch/moving"
    done &
    local mover=$!
    for ((i = 0; i < 60; i++)); do
        "$monitor" peek "$scratch/moving" >/dev/null 2>&1
        status=$?
        ((status == 0 || status == 1 || status == 5)) || bad+=" $status"
    done
    kill_now "$mover"
    printf '%s' "$bad"
}
cp "$copy" "$scratch/moving"
check_equal 'a file that is cut off while it is read raises no signal' '' "$(shrinking)"

: >"$scratch/empty"
check_status 'an empty file is no copy' 5 "$monitor" show "$scratch/empty"
check_match 'and the message says that it is empty' "^monitor: file '.*/empty': cannot be read: it is empty" "$scratch/err"
seq 100000 >"$scratch/foreign"
for verb in show check peek; do
    check_status "$verb: a foreign file is no copy" 5 "$monitor" "$verb" "$scratch/foreign"
    check_match "$verb: and the message says so" "^monitor: file '.*/foreign': .*: not a copy of a queue" "$scratch/err"
done
cp "$copy" "$scratch/older"
printf '\005' | dd of="$scratch/older" bs=1 seek=8 conv=notrunc status=none
check_status 'a copy of an older version is not read' 5 "$monitor" show "$scratch/older"
check_match 'and the message says why' "^monitor: file '.*/older': cannot be read: made by another version" "$scratch/err"
cp "$copy" "$scratch/holes"
fallocate -p -o 4096 -l $((size - 4096)) "$scratch/holes"
check_status 'a file in which pages are missing is damaged' 5 "$monitor" show "$scratch/holes"

# ------------------------------------------------------------------ no files

mkfifo "$scratch/fifo"
check_status 'a FIFO is refused at once' 1 timeout 10 "$monitor" check "$scratch/fifo"
check_match 'and named' "^monitor: file '.*/fifo': cannot be checked: is a FIFO, not a copy of a queue" "$scratch/err"
check_status 'a directory is refused' 1 "$monitor" peek "$scratch"
check_match 'and named, too' 'cannot be read: is a directory, not a copy of a queue' "$scratch/err"
check_status 'a device is refused' 1 timeout 10 "$monitor" show /dev/zero
check_status 'a file that is not there' 1 "$monitor" show "$scratch/nothing"
check_match 'is said to be a missing file, and no queue' "^monitor: file '.*/nothing': cannot be read: no such file" "$scratch/err"
# A file without a '/' is a queue's name to the monitor.
for verb in show check peek events; do
    check_status "$verb: a file that was named like a queue: exit 1" 1 env -C "$scratch" "$monitor" "$verb" copy
    check_match "$verb: and the message says how to name the file" \
        "^monitor: queue 'copy': .*: no such queue \\(the file of this name is ./copy\\)$" "$scratch/err"
done
cp "$copy" "$scratch/a copy"
cd "$scratch" || exit
check_usage monitor "$monitor" "a copy: not a queue's name \\(the file of this name is './a copy'\\)" show 'a copy'
cd "$top" || exit
check_status 'a directory of that name is no file' 1 env -C "$scratch/.." "$monitor" show "${scratch##*/}"
check_match 'and not proposed' "no such queue \\(see 'monitor list'\\)$" "$scratch/err"
check_status 'a verb that takes no file proposes none' 1 env -C "$scratch" "$monitor" pause copy
check_match 'but says that there is no queue' "no such queue \\(see 'monitor list'\\)$" "$scratch/err"
for verb in pause drop remove wait; do
    check_status "$verb takes no file" 2 "$monitor" "$verb" "$copy"
done
