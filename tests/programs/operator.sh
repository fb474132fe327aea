#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# time limit: 600 s
# The operator's hand: monitor drop, kick and purge.
. "$(dirname "$0")/../support/lib.sh"

look() { # VERB...: with a time limit
    timeout 60 "$monitor" "$@"
}

payloads() { # QUEUE: on one line
    look peek --raw -- "$1" 1000000 | sed '$!b;/^$/d' | paste -sd ' '
}

ids() { # QUEUE: those that peek prints
    look peek -- "$1" 1000000 | sed -n 's/^\([0-9a-f]*-[0-9]*-[0-9]*\): lane .*/\1/p'
}

first_ids() { # QUEUE: those under which its messages were first put
    look peek -- "$1" 1000000 | sed -n 's/^  Shmq-Id: //p'
}

id_of() { # QUEUE PAYLOAD
    look peek -- "$1" 1000000 | awk -v payload="  | $2" '/^[0-9a-f]+-[0-9]+-[0-9]+: lane/ { id = $1 } $0 == payload { sub(":", "", id); print id; exit }'
}

look_as_nobody() { # VERB...
    timeout 60 setpriv --reuid 65534 --clear-groups "$monitor" "$@"
}

# Starts a consumer whose command waits until $scratch/go is there; sets taker.
start_taker() { # QUEUE [OPTION...]
    local name=$1
    shift
    rm -f "$scratch/go" "$scratch/taken"
    "$consumer" -q -Q "$name" --prefetch 1 "$@" --exec "touch '$scratch/taken'; until [ -e '$scratch/go' ]; do sleep 0.02; done" </dev/null 2>"$scratch/taker.log" &
    taker=$!
    wait_until 30 someone_holds "$name"
    wait_until 30 test -e "$scratch/taken" # the command is no copy of the consumer any more
}

someone_holds() { # QUEUE
    look show --json -- "$1" | grep -Eq '"leased": 1, "attempts"'
}

one_waits_aside() {
    look peek -- "$queue" | grep -q 'aside, due in'
}

remove() { # QUEUE
    "$monitor" remove -q --force -- "$1" 2>/dev/null
}

# A queue with messages, and its dead letters.
begin() { # MESSAGE...
    new_queue
    dead=$queue.dead
    (($# == 0)) || put --header 'Of: user' -- "$@"
}

let_fail() { # all that is in the queue
    timeout 60 "$consumer" -q -Q "$queue" --retries 0 --grace 10ms --idle 100ms --exec 'exit 9' 2>/dev/null
}

end() {
    remove "$queue"
    remove "$dead"
}

# ------------------------------------------------------------------ drop

begin a b c d e
mapfile -t all < <(ids "$queue")
check_status 'drop: exit 0' 0 look drop "$queue" "${all[1]}" "${all[3]}"
check_match 'drop: says so' "^monitor: queue '$queue': dropped message ${all[3]}\$" "$scratch/err"
check_equal 'drop: nothing on stdout' '' "$(cat "$scratch/out")"
check_equal 'drop: the others stay' 'a c e' "$(payloads "$queue")"
check 'drop: it is counted no more' queue_has messages 3
check_status 'drop: one that is gone, and one that is there: exit 1' 1 look drop "$queue" "${all[1]}" "${all[2]}"
check_match 'drop: names the one that is not' "^monitor: queue '$queue': message ${all[1]}: not dropped: not in the queue, or no longer" "$scratch/err"
check_match 'drop: the other is dropped all the same' "dropped message ${all[2]}\$" "$scratch/err"
check_status 'drop: an id of another queue: exit 1' 1 look drop "$queue" "00000000deadbeef-0-${all[0]##*-}"
check_match 'drop: an id of another queue: is said' 'message 00000000deadbeef.*: not dropped: not in the queue' "$scratch/err"
check_status 'drop: a position within a message, another lane' 1 look drop "$queue" "${all[0]%-*}-1" "${all[0]%%-*}-63-64" "${all[0]%%-*}-99999-64"
for bad in x 1-2 "${all[0]}x" -- "${all[0]%-*}-" '' 'a b'; do
    [[ $bad == -- ]] || check_usage monitor look 'not a message id' drop "$queue" "${all[0]}" "$bad"
done
check_usage monitor look 'drop: no message given' drop "$queue"
check_equal 'drop: after all that' 'a e' "$(payloads "$queue")"
look drop --json "$queue" "${all[0]}" "${all[1]}" >"$scratch/json" 2>/dev/null
check_equal 'drop --json' '[ {"id": "'"${all[0]}"'", "result": "dropped"}, {"id": "'"${all[1]}"'", "result": "unknown"} ]' \
    "$(tr -s ' \n' ' ' <"$scratch/json" | sed 's/ $//')"
check_equal 'drop: what is left is delivered' e "$(take -q --raw)"
check_status 'drop: the queue is empty' 0 look remove "$queue"
check_status 'drop: no such queue: exit 1' 1 look drop "$queue" "${all[0]}"
check_match 'drop: no such queue: is said' "^monitor: queue '$queue': nothing can be dropped: no such queue" "$scratch/err"

# What a living consumer has stays; what a dead one had goes.
begin a b
mapfile -t all < <(ids "$queue")
start_taker "$queue"
check_status 'drop: a consumer has it: exit 1' 1 look drop "$queue" "${all[0]}"
check_match 'drop: a consumer has it: which' "message ${all[0]}: not dropped: consumer \\(pid $taker\\) has it\$" "$scratch/err"
kill_now "$taker"
check_status 'drop: its consumer is dead' 0 look drop "$queue" "${all[0]}"
check_equal 'drop: its consumer is dead: the rest' b "$(take -q --raw)"
end

begin a b
look pause -q "$queue"
check_status 'drop: a paused queue' 0 look drop "$queue" "$(id_of "$queue" a)"
look resume -q "$queue"
check_equal 'drop: a paused queue: the rest' b "$(take -q --raw)"
end

# A job that waits for its next attempt.
begin a b
"$consumer" -q -Q "$queue" --follow --backoff 1h --exec '! grep -q a' 2>"$scratch/err" </dev/null &
pid=$!
wait_until 30 queue_has messages 1
wait_until 30 one_waits_aside
check_status 'drop: one that waits aside' 0 look drop "$queue" "$(id_of "$queue" a)"
check 'drop: one that waits aside: is gone' queue_has messages 0
kill -TERM "$pid"
wait "$pid"
end

# By the id that it had before it was given up.
begin a b
let_fail
mapfile -t all < <(first_ids "$dead")
check_status 'drop: by the first id' 0 look drop "$dead" "${all[0]}"
check_equal 'drop: by the first id: the other stays' b "$(payloads "$dead")"
end

# ------------------------------------------------------------------ purge

begin a b c
check_status 'purge: without --force: exit 1' 1 look purge "$queue"
check_match 'purge: without --force: how many' "^monitor: queue '$queue': not purged: 3 messages are in it .--force throws them away" "$scratch/err"
check_equal 'purge: without --force: all stay' 'a b c' "$(payloads "$queue")"
look pause -q "$queue"
check_status 'purge: a paused queue' 0 look purge --force "$queue"
check_match 'purge: says how many' "^monitor: queue '$queue': threw away 3 messages\$" "$scratch/err"
check 'purge: nothing is left' queue_has messages 0
check_status 'purge: of an empty queue, needs no --force' 0 look purge "$queue"
check_match 'purge: of an empty queue, says so' "^monitor: queue '$queue': threw away 0 messages\$" "$scratch/err"
check_equal 'purge: still paused' true "$(queue_field "$queue" paused)"
check_status 'purge: nothing to do' 0 look purge --force "$queue"
check_match 'purge: nothing to do: is said' 'threw away 0 messages' "$scratch/err"
look resume -q "$queue"
put -- d
check_equal 'purge --json' '{"thrown_away": 1, "left": 0}' "$(look purge -q --force --json "$queue")"
check_status 'purge: the queue can be removed' 0 look remove "$queue"
check_status 'purge: no such queue: exit 1' 1 look purge --force "$queue"
check_match 'purge: no such queue: is said' 'cannot be purged: no such queue' "$scratch/err"
check_usage monitor look 'unexpected' purge "$queue" x

begin a b c
start_taker "$queue"
check_status 'purge: beside a consumer' 0 look purge --force "$queue"
check_match 'purge: beside a consumer: what it has stays' "1 message is in it: in the hands of consumers" "$scratch/err"
touch "$scratch/go"
wait "$taker"
check 'purge: beside a consumer: it finishes that' queue_has messages 0
end

begin a b
"$consumer" -q -Q "$queue" --follow --backoff 1h --exec '! grep -q a' 2>"$scratch/err" </dev/null &
pid=$!
wait_until 30 one_waits_aside
wait_until 30 queue_has messages 1
check_status 'purge: what waits aside' 0 look purge --force "$queue"
check 'purge: what waits aside: is gone' queue_has messages 0
kill -TERM "$pid"
wait "$pid"
end

begin a b
start_taker "$queue"
kill_now "$taker"
check_status 'purge: what a dead consumer had' 0 look purge --force "$queue"
check 'purge: what a dead consumer had: is gone' queue_has messages 0
end

# Once nothing is left, such a queue ends the stream of every consumer.
begin a b c
look shutdown "$queue" 2>/dev/null
check_status 'purge: shut down' 0 look purge --force "$queue"
check_match 'purge: shut down: says how many' "^monitor: queue '$queue': threw away 3 messages\$" "$scratch/err"
check 'purge: shut down: nothing is left' queue_has messages 0
end

begin a
look shutdown --now "$queue" 2>/dev/null
check_status 'purge: shut down at once: exit 3' 3 look purge --force "$queue"
check 'purge: shut down at once: the message stays' queue_has messages 1
end

# It comes to an end although others go on putting.
begin a b c
"$producer" -q -Q "$queue" < <(exec yes) 2>/dev/null &
pid=$!
wait_until 30 holds_at_least 1000
check_status 'purge: beside a busy producer' 0 look purge --force "$queue"
kill_now "$pid"
end

# ------------------------------------------------------------------ kick

begin a b c d
let_fail
check_equal 'kick: they are there' 'a b c d' "$(payloads "$dead")"
mapfile -t all < <(ids "$dead")
mapfile -t first < <(first_ids "$dead")
check_status 'kick ID: exit 0' 0 look kick "$dead" "${all[2]}"
check_match 'kick ID: says so' "^monitor: queue '$dead': moved 1 message to queue '$queue'\$" "$scratch/err"
check_equal 'kick ID: it is back' c "$(payloads "$queue")"
check_equal 'kick ID: the others stay' 'a b d' "$(payloads "$dead" | tr ' ' '\n' | sort | paste -sd ' ')"
look peek "$queue" >"$scratch/peek"
check_equal 'kick: what headers stay' "Shmq-Id: ${first[2]} Of: user" "$(grep '^  [A-Z]' "$scratch/peek" | sed 's/^  //' | paste -sd ' ')"
check_status 'kick: by the first id, and an unknown one: exit 1' 1 look kick "$dead" "${first[0]}" 1-2-3
check_match 'kick: the unknown one is named' "message 1-2-3: not in the queue, or no longer" "$scratch/err"
check_equal 'kick: by the first id: it is back' 'c a' "$(payloads "$queue")"
check_status 'kick: all' 0 look kick "$dead"
check_equal 'kick: all: they are back' 'a b c d' "$(payloads "$queue" | tr ' ' '\n' | sort | paste -sd ' ')"
check 'kick: all: none is left' queue_has messages 0 "$dead"
check_match 'kick: attempts begin anew' '^0( 0)*$' <(look peek --json "$queue" | sed -n 's/.*"attempts": \([0-9]*\).*/\1/p' | paste -sd ' ')
check_status 'kick: nothing to do' 0 look kick "$dead"
check_match 'kick: nothing to do: is said' 'nothing to move' "$scratch/err"
check_equal 'kick: once more, done' 4 "$(take -q --exec 'cat; echo' | sort | wc -l)"
check_usage monitor look 'not a message id' kick "$dead" x
check_usage monitor look "a queue's name" kick "$dead" --to a/b
check_status 'kick: no such queue: exit 1' 1 look kick "$queue.none"
end

# Those that come back while it runs are not moved again: they would never end.
begin a b c
let_fail
timeout 60 "$consumer" -q -Q "$queue" --follow --retries 0 --exec 'exit 9' </dev/null 2>/dev/null &
pid=$!
check_status 'kick: they fail again at once' 0 look kick "$dead"
check_match 'kick: they fail again at once: each moved once' "moved 3 messages to queue '$queue'" "$scratch/err"
check 'kick: they fail again at once: and are back' wait_until 30 queue_has messages 3 "$dead"
kill -TERM "$pid"
wait "$pid"
end

begin a b
let_fail
look pause -q "$dead"
check_equal 'kick --json, a paused queue' '{"moved": 2, "left": 0}' "$(look kick -q --json "$dead")"
end

# Messages that do not say where they came from; --to.
begin a
let_fail
timeout 60 "$producer" -q -Q "$dead" -- stranger
check_status 'kick: a stranger: exit 1' 1 look kick "$dead"
check_match 'kick: a stranger: is said' "message $(id_of "$dead" stranger) stays: it does not say where it came from" "$scratch/err"
check_equal 'kick: a stranger: the other is back' a "$(payloads "$queue")"
check_equal 'kick: a stranger: it stays' stranger "$(payloads "$dead")"
check_status 'kick --to' 0 look kick "$dead" --to "$queue"
check_equal 'kick --to: it is there' 'a stranger' "$(payloads "$queue")"
end

# What its queue cannot take stays.
check_stays() { # NAME STATUS EXTENDED-REGEX [OPTION...]
    local name=$1 status=$2 regex=$3
    shift 3
    check_status "kick: $name: exit $status" "$status" look kick "$dead" --timeout 100ms "$@"
    check_match "kick: $name: is said" "$regex" "$scratch/err"
    check_equal "kick: $name: all stays" 'a b' "$(payloads "$dead" | tr ' ' '\n' | sort | paste -sd ' ')"
}

begin a b
let_fail
remove "$queue"
check_stays missing 1 "^monitor: queue '$queue': takes no messages back: there is no such queue .make it with 'producer -Q $queue </dev/null', or .*; 2 messages stay in queue '$dead'"
put --max-message 64 --capacity 4K -- x
check_stays 'smaller messages' 1 'message .* stays: longer than the queue.s largest message'
remove "$queue"
put -- x
look shutdown "$queue" 2>/dev/null
check_stays 'shut down' 1 "^monitor: queue '$queue': takes no messages back: the queue was shut down"
remove "$queue"
if ((EUID == 0)); then
    put -- x
    chown 65534 "/dev/shm/shmq.$queue"
    check_stays 'of another user' 1 "^monitor: queue '$queue': takes no messages back: it belongs to another user"
    chown 0 "/dev/shm/shmq.$queue"
    remove "$queue"
    chmod a+rx "$scratch" 2>/dev/null
    if command -v setpriv >/dev/null && setpriv --reuid 65534 --clear-groups "$monitor" --version >/dev/null 2>&1; then
        for verb in "drop $dead $(id_of "$dead" a)" "kick $dead" "purge $dead --force"; do
            # shellcheck disable=SC2086 # words
            check_status "${verb%% *}: as another user: exit 1" 1 look_as_nobody $verb
            check_match "${verb%% *}: as another user: is said" "^monitor: queue '$dead': " "$scratch/err"
        done
    fi
fi
head -c 100000 /dev/urandom >"/dev/shm/shmq.$queue"
chmod 600 "/dev/shm/shmq.$queue"
check_stays damaged 1 "^monitor: queue '$queue': takes no messages back: .*not a queue"
rm "/dev/shm/shmq.$queue"
put --lanes 1 --capacity 4K --max-message 1K --on-full drop < <(seq 1000) 2>/dev/null
check_stays 'full' 1 "^monitor: queue '$queue': takes no messages back: it is full"
end

# Its queue is removed while it waits for room.
begin
put --lanes 1 --capacity 4K --max-message 1K -- a b
let_fail
put --on-full drop < <(seq 1000) 2>/dev/null
look kick "$dead" --timeout 1m 2>"$scratch/kick.log" &
pid=$!
wait_until 30 someone_holds "$dead"
remove "$queue"
end_status 'kick: its queue is removed meanwhile: exit 1' 1 "$pid" "$scratch/kick.log"
check_match 'kick: its queue is removed meanwhile: is said' "takes no messages back: .*; 2 messages stay" "$scratch/kick.log"
check_equal 'kick: its queue is removed meanwhile: all stays' 'a b' "$(payloads "$dead")"
end

# ------------------------------------------------------------------ killed at random

begin
seq 500 | put --header 'Of: user'
kills=0
for ((round = 0; round < 8; round++)); do
    let_fail
    while ! queue_has messages 0 "$dead"; do
        some=()
        ((RANDOM % 3)) && mapfile -t some < <(first_ids "$dead" | shuf -n 30)
        "$monitor" kick -q "$dead" "${some[@]}" 2>>"$scratch/kill.err" &
        pid=$!
        ((kills < 200)) || wait "$pid"
        random_pause 3
        kill -KILL "$pid" && kills=$((kills + 1))
        wait "$pid"
    done
done 2>/dev/null
printf '# killed %d times\n' "$kills"
check 'killed at random: it was killed' test "$kills" -gt 5
take -q --idle 200ms --grace 10ms >"$scratch/back" 2>/dev/null
check_same_lines 'killed at random: each is back, once' <(seq 500) "$scratch/back"
end

((failed == 0))
