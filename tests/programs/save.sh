#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copies that the monitor makes of queues in use, and of damaged ones; and what becomes of the file when that fails.
. "$(dirname "$0")/../support/lib.sh"

folder=$scratch/folder
mkdir "$folder"
copy=$folder/copy

saved_files() {
    find "$folder" -mindepth 1 -printf '%f\n' | sort | paste -sd' '
}

# ------------------------------------------------------------------ a quiet queue

new_queue
put --capacity 64K -- one two three
check_status 'save makes a copy' 0 "$monitor" save "$queue" "$copy"
check_match 'and says how many messages it has' "^monitor: saved queue '$queue' with 3 messages to $copy" "$scratch/err"
check_equal 'nothing of it goes to stdout' '' "$(cat "$scratch/out")"
check_equal 'only its owner may read it' 600 "$(stat -c %a "$copy")"
check_equal 'nothing else is left in the folder' copy "$(saved_files)"
check 'it takes less room than the queue might' test $(($(stat -c '%b * 512 * 4 < %s' "$copy"))) = 1
check_status 'the copy passes the check' 0 "$monitor" check "$copy"
check_equal 'and has the messages' 'one two three' "$("$monitor" peek --raw "$copy" | paste -sd' ')"
check_match 'and says when it was made' '"saved_s": 1[0-9]{9}' <("$monitor" show --json "$copy")
check_equal 'which is now' 1 "$((($(date +%s) - $("$monitor" show --json "$copy" | sed -n 's/.*"saved_s": \([0-9]*\).*/\1/p')) < 60))"
check_status 'saving has changed nothing' 0 "$monitor" check "$queue"

before=$(stat -c '%i %Y' "$copy")
check_status 'a file that is there is not replaced' 1 "$monitor" save "$queue" "$copy"
check_match 'and the message says how it would be' 'the file exists \(--force replaces it\)' "$scratch/err"
check_equal 'it stays' "$before" "$(stat -c '%i %Y' "$copy")"
put -- four
check_status '--force replaces it' 0 "$monitor" save --force "$queue" "$copy"
check_equal 'with a new copy' 'one two three four' "$("$monitor" peek --raw "$copy" | paste -sd' ')"
check_equal 'and leaves nothing else' copy "$(saved_files)"
mkfifo "$folder/fifo"
check_status '--force does not replace a FIFO' 1 timeout 10 "$monitor" save --force "$queue" "$folder/fifo"
check 'which stays' test -p "$folder/fifo"
ln -s fifo "$folder/link"
check_status '--force does not replace a link to a FIFO' 1 timeout 10 "$monitor" save --force "$queue" "$folder/link"
check 'which stays, too' test -h "$folder/link"
rm "$folder/fifo" "$folder/link"
check_status 'a folder that is not there' 1 "$monitor" save "$queue" "$folder/no/copy"
check_match 'is said' "^monitor: $folder/no/copy: not saved: No such file" "$scratch/err"
check_status 'a relative path' 0 env -C "$folder" "$monitor" save "$queue" other
check 'is made here' test -f "$folder/other"
rm "$folder/other"
check_status 'a queue that is not there' 1 "$monitor" save "$queue.none" "$folder/none"
check_match 'is said' 'no such queue' "$scratch/err"
check_usage monitor "$monitor" 'save: no file given' save "$queue"
cd "$folder" || exit
check_usage monitor "$monitor" 'save: a copy cannot be written to standard output' save "$queue" -
cd "$top" || exit
check_usage monitor "$monitor" 'unexpected argument' save "$queue" "$copy" more
check_equal 'none of this left anything' copy "$(saved_files)"

# ------------------------------------------------------------------ a stopped consumer

queue_is_held_for() { # SECONDS
    (($("$monitor" show --json "$queue" | sed -n 's/.*"leased_ns": \([0-9]*\).*/\1/p' | head -n 1) >= $1 * 1000000000))
}
next_queue
put -- one two three
"$consumer" -q -Q "$queue" --prefetch 2 --work 60s --discard &
pid=$!
check 'a stopped consumer has messages' wait_until 10 queue_has leased 2
kill -STOP "$pid"
check 'for more than a second' wait_until 10 queue_is_held_for 1
check_status 'its queue is saved' 0 "$monitor" save -q --force "$queue" "$copy"
check_match 'the copy says who had messages, and for how long' \
    "why a copy: consumer 0 \\(pid $pid\\), which was busy or stopped, had had 2 messages for [0-9.]+ s as of" \
    <("$monitor" show "$copy" | tr -s '\n ' ' ')
kill -CONT "$pid"
kill_now "$pid"

# ------------------------------------------------------------------ a queue in use

# Each message says by itself whether it is whole: a number, and as many letters as it says.
whole_messages() { # FILE: whether each line is one, and none is there twice
    awk '{ if (length($2) != $1 % 97 || $2 ~ /[^x]/ || seen[$1]++) { print "bad: " $0; exit 1 } }' "$1"
}

numbered() {
    awk 'BEGIN { for (i = 1; i < 98; i++) x[i % 97] = x[i - 1] "x"; x[0] = ""; for (i = 1;; i++) print i, x[i % 97] }'
}

next_queue
put --capacity 64K --lanes 4 </dev/null
"$producer" -q -Q "$queue" < <(numbered) 2>/dev/null &
pids=($!)
"$producer" -q -Q "$queue" < <(numbered) 2>/dev/null &
pids+=($!)
"$consumer" -q -Q "$queue" --rate 20000 --discard 2>/dev/null &
pids+=($!)
"$consumer" -q -Q "$queue" --prefetch 3 --work 1ms --discard 2>/dev/null &
pids+=($!)
wait_until 10 holds_at_least 100 || not_ok 'producers and consumers are at work'
bad=''
shown=0
for ((i = 0; i < 20; i++)); do
    "$monitor" save -q --force "$queue" "$copy" 2>"$scratch/save.err" || bad+=" save:$?"
    "$monitor" check "$copy" >/dev/null 2>"$scratch/check.err" || bad+=" check:$?"
    for lane in 0 1 2 3; do
        "$monitor" peek --raw --lane "$lane" "$copy" 1000000 >"$scratch/peeked" || bad+=" peek:$?"
        whole_messages "$scratch/peeked" || bad+=" message"
        shown=$((shown + $(wc -l <"$scratch/peeked")))
    done
    [[ ! $bad ]] || break
done
if [[ ! $bad ]]; then
    ok 'each copy of a queue in use is sound, and has whole messages, each once'
else
    not_ok 'each copy of a queue in use is sound, and has whole messages, each once' "$bad" "$scratch/save.err" "$scratch/check.err"
fi
check 'and copies are not empty' test "$shown" -gt 1000
for pid in "${pids[@]}"; do
    kill_now "$pid"
done
check_status 'a queue whose processes were killed is saved' 0 "$monitor" save --force "$queue" "$copy"
check_status 'and its copy is sound' 0 "$monitor" check "$copy"

# ------------------------------------------------------------------ killed, no room, damage

kill_at_random() {
    local i
    for ((i = 0; i < 30; i++)); do
        "$monitor" save -q --force "$queue" "$copy" &
        random_pause 2
        kill_now $!
        "$monitor" check "$copy" >/dev/null || return 1
    done
} 2>/dev/null
check 'killed at any moment: the file is the old copy or the new one' kill_at_random
for file in "$folder"/.[!.]*; do # killed at the moment when it replaces the old one
    [[ ! -e $file ]] || check_status 'killed at any moment: what is left is a whole copy' 0 "$monitor" check "$file"
done
check_status 'killed at any moment: the next one works' 0 "$monitor" save --force "$queue" "$copy"
check_equal 'killed at any moment: and leaves nothing else' copy "$(saved_files)"

for ((i = 0; i < 12; i++)); do
    "$monitor" save -q --force "$queue" "$copy" 2>>"$scratch/several.err" &
    several[i]=$!
done
bad=''
for pid in "${several[@]}"; do
    wait "$pid" || bad+=" $?"
done
check_equal 'several save to one file: each succeeds' '' "$bad$(cat "$scratch/several.err")"
check_status 'several save to one file: it is whole' 0 "$monitor" check "$copy"
check_equal 'several save to one file: nothing else is left' copy "$(saved_files)"

full_disk() {
    mount -t tmpfs -o size=32k none "$folder" || return 99
    "$monitor" save "$queue" "$folder/copy" >/dev/null 2>"$scratch/full.err"
    local status=$?
    [[ ! $(saved_files) ]] || return 98
    return $status
}
export -f full_disk saved_files
export scratch folder monitor queue
unshare -m bash -c full_disk 2>/dev/null
case $? in
99 | 77) skip 'no space left: exit 1, and nothing is left' 'no file system can be mounted here' ;;
1) ok 'no space left: exit 1, and nothing is left'
    check_match 'no space left: is said' "^monitor: .*/copy: not saved: No space left" "$scratch/full.err" ;;
*) not_ok 'no space left: exit 1, and nothing is left' "$scratch/full.err" ;;
esac

next_queue
put --capacity 64K --lanes 2 --seats 4 -- one two three
rm "$copy"
# The lane's tail: its control begins behind header, seats and seat buffers.
lane_at=$("$monitor" show --json "$queue" | sed -n 's/.*"max_message_bytes": \([0-9]*\).*/\1/p')
lane_at=$((8192 + 4 * lane_at))
printf '\377\377' | dd of="/dev/shm/shmq.$queue" bs=1 seek="$lane_at" conv=notrunc status=none
if "$monitor" check "$queue" >/dev/null 2>&1; then
    not_ok 'the queue of the test is damaged'
fi
check_status 'a damaged queue: exit 5' 5 "$monitor" save "$queue" "$copy"
check_match 'a damaged queue: is said' "^monitor: queue '$queue': damaged: copied to $copy as it is" "$scratch/err"
check_same 'a damaged queue: the copy has all its bytes' "/dev/shm/shmq.$queue" "$copy"
check_status 'a damaged queue: what is wrong with the copy' 5 "$monitor" check "$copy"
