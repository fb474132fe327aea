#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# time limit: 100000 s
# Forwarders of one queue are killed at random, many times a second, while readers drain both queues that they forward to:
# each message is in each queue once, and in order within a lane.
#
#   SHMQ_FORWARD_STORM=N    messages (20000); what is full makes a batch last, so each 5000 take about a second
. "$(dirname "$0")/../support/lib.sh"

messages=${SHMQ_FORWARD_STORM:-20000}
forwarders=4 kills=0 stops=0
pids=()

# A batch is larger than what fits into the others, so most kills find it half put. One that was killed is started again
# after the next kill, so that others come to take over its batch.
new_queue
one=$queue.one two=$queue.two
"$producer" -q -Q "$one" --capacity 4K --
"$producer" -q -Q "$two" --capacity 8K --
for i in 1 2; do
    seq -f "$i:%.0f" $((messages / 2)) >"$scratch/input.$i"
    put --tick 5ms --input "$scratch/input.$i" &
done
wait
cat "$scratch"/input.* >"$scratch/expected"

start_forwarder() { # SLOT
    "$consumer" -q -Q "$queue" --forward "$one,$two" --prefetch 100 2>>"$scratch/run.log" &
    pids[$1]=$!
}

# A reader ends when no forwarder is left unfinished. Its files are the streams of the lanes there.
readers=()
for name in one two; do
    mkdir "$scratch/$name"
    "$consumer" -q -Q "$queue.$name" --mirror "$scratch/$name/%l" --producers 2 --grace 60s --rate 6000 2>"$scratch/$name.log" &
    readers+=($!)
done

for ((i = 1; i < forwarders; i++)); do
    start_forwarder "$i"
done
down=0
deadline=$((SECONDS + 30 + messages / 500))
until queue_has messages 0 || ((SECONDS > deadline)); do
    for ((n = 0; n < 10; n++)); do
        random_pause 4
        victim=$(((down + 1 + RANDOM % (forwarders - 1)) % forwarders))
        if ((RANDOM % 8 == 0)); then # another takes nothing from one that is only stopped
            kill -STOP "${pids[victim]}" && random_pause 9
            kill -CONT "${pids[victim]}"
            stops=$((stops + 1))
        fi
        kill_now "${pids[victim]}"
        kills=$((kills + 1))
        start_forwarder "$down"
        down=$victim
    done
done 2>/dev/null
start_forwarder "$down"
check 'all messages are forwarded in time' queue_has messages 0
for ((i = 0; i < forwarders; i++)); do
    end_status "forwarder $i ends" 0 "${pids[i]}"
done
check "there were many kills ($kills, and $stops stops)" test "$kills" -ge $((messages / 1000))
for i in 0 1; do
    name=(one two)
    end_status "queue ${name[i]}: its reader comes to the end" 0 "${readers[i]}" "$scratch/${name[i]}.log"
    cat "$scratch/${name[i]}"/* >"$scratch/got"
    check_same_lines "queue ${name[i]}: each message once" "$scratch/expected" "$scratch/got"
    check_equal "queue ${name[i]}: in order in each lane" '' \
        "$(awk -F: '{ key = FILENAME ":" $1; if ($2 <= last[key]) print FILENAME ": " $0; last[key] = $2 }' \
            "$scratch/${name[i]}"/* | head -n 5)"
    check "queue ${name[i]}: no lane is left unfinished" queue_has unfinished 0 "$queue.${name[i]}"
done

echo "# $kills kills"
echo "$passed passed, $failed failed"
