#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The monitor's list: states in words, order, --watch, and --alert, which is also for show and wait.
. "$(dirname "$0")/../support/lib.sh"
. "$top/tests/support/screen.sh"

# The line of the queue.
line() {
    "$monitor" list | grep -E "^$queue "
}

starts() { # COMMAND...: in the background
    : >"$scratch/run.out" # it will be emptied only when the process runs
    : >"$scratch/run.log"
    "$@" >"$scratch/run.out" 2>"$scratch/run.log" </dev/null &
    pid=$!
}

state_is() { # WORDS
    [[ $(line) =~ ^$queue\ +$1\ +[0-9]+\  ]]
}

# ------------------------------------------------------------------ states

me=$(id -un)
new_queue
"$producer" -q -Q "$queue" --
check_match 'empty' "^$queue +empty +0 +- +0 +0 +[0-9.]+ [KM]iB +$me\$" <(line)
put -- a b
check_match 'messages' "^$queue +ok +2 +[0-9.]+ s +0 +0 +[0-9.]+ [KM]iB +$me\$" <(line)
check 'fits into 80 columns, with a name of 18' test "$("$monitor" list | sed -n '1s/^NAME *//p' | wc -L)" -le 60
"$monitor" pause -q "$queue"
check_match 'paused' "^$queue +paused +2 " <(line)
"$monitor" resume -q "$queue"
"$monitor" shutdown -q "$queue"
check_match 'draining' "^$queue +draining +2 " <(line)
"$monitor" pause -q "$queue"
check_match 'paused and draining' "^$queue +paused +2 .*  draining\$" <(line)
"$monitor" shutdown -q --now "$queue"
check_match 'shut down' "^$queue +shut down +2 " <(line)
next_queue
put -- a
"$monitor" shutdown -q "$queue"
rest --discard
check_match 'shut down and drained' "^$queue +shut down +0 +- +0 +0 +[0-9.]+ [KM]iB +$me\$" <(line)

# A message of 1000 bytes takes 16 of the 64 cells of 4 KiB.
next_queue
head -c 1000 /dev/zero | tr '\0' x >"$scratch/message"
for _ in 1 2 3; do
    put --capacity 4K --max-message 2K --whole --input "$scratch/message"
done
check_match 'nearly full' "^$queue +75 % full +3 " <(line)
starts "$producer" -Q "$queue" --whole --input "$scratch/message" --input "$scratch/message"
check 'full' wait_until 10 state_is full
check_match 'full: how many are alive' "^$queue +full +4 +[0-9.]+ s +1 +0 " <(line)
check_match 'full: as JSON' "\"name\": \"$queue\", \"state\": \"full\"" <("$monitor" list --json)
kill_now "$pid"
check_match 'full and unfinished' "^$queue +full +4 +[0-9.]+ s +0 +0 .*  1 unfinished\$" <(line)
rest --count 1 --discard
check_match 'unfinished' "^$queue +unfinished +3 +[0-9.]+ s +0 +0 " <(line)

# ------------------------------------------------------------------ what cannot be read

next_queue
head -c 100000 /dev/urandom >"/dev/shm/shmq.$queue"
check_match 'no queue: a short line' "^$queue +(damaged|foreign): [^:]*\$" <(line)
check 'no queue: fits into 80 columns' test "$(line | sed 's/^[^ ]* *//' | wc -L)" -le 60
as_other() { # COMMAND...: as a user without rights here
    setpriv --reuid=54321 --regid=54321 --clear-groups -- "$@"
}
next_queue
put -- a
if ((EUID == 0)) && as_other "$monitor" --version >/dev/null 2>&1; then
    as_other "$monitor" list >"$scratch/list"
    check_equal 'of another user: exit 0' 0 $?
    check_match 'of another user: a short line' "^$queue +forbidden: belongs to root\$" "$scratch/list"
else
    skip 'of another user' 'needs root, setpriv, and a build that others may run'
fi

# ------------------------------------------------------------------ order

one=$queue
new_queue
two=$queue
put -- a b c
new_queue
three=$queue
put -- a b
ours() { # OPTION...: our three queues, in the order of the list
    "$monitor" list "$@" | grep -oE "^($one|$two|$three) " | tr -d '\n'
}
check_equal 'sort: by name' "$one $two $three " "$(ours)"
check_equal 'sort: by name, in words' "$one $two $three " "$(ours --sort name)"
check_equal 'sort: by messages' "$two $three $one " "$(ours --sort messages)"
check_equal 'sort: equal ones by name' "$one $two $three " "$(ours --sort consumers)"
check_equal 'sort: by full' "$two $three $one " "$(ours --sort full)"
check_equal 'sort: by fill, which is the same' "$two $three $one " "$(ours --sort fill)"
"$monitor" --help >"$scratch/help"
for key in name messages oldest full memory producers consumers owner; do
    check "sort: $key: the help has it" test "$(sed -n '/^ *--sort/,/^ *--watch/p' "$scratch/help" | grep -cw "$key")" -ge 1
done
for key in oldest memory producers owner; do
    check "sort: by $key" test "$(ours --sort $key | wc -w)" -eq 3
done
check_match 'sort: JSON, too' "$two.*$three.*$one" <("$monitor" list --json --sort messages | tr -d '\n')
check_usage monitor "$monitor" "--sort: ?size|--sort size|size" list --sort size
check_usage monitor "$monitor" 'takes no --sort' show --sort name "$one"

# ------------------------------------------------------------------ --watch

blocks() { # COUNT FILE: so many tables were printed
    (($(grep -c '^NAME' "$2") >= $1))
}
starts "$monitor" list --watch 50ms
check 'watch: prints again and again' wait_until 10 blocks 3 "$scratch/run.out"
kill -TERM "$pid"
end_status 'watch: SIGTERM: exit 0' 0
check 'watch: an empty line between two' test "$(grep -c '^$' "$scratch/run.out")" -ge 2
check 'watch: no codes of a terminal' test "$(tr -cd '\033' <"$scratch/run.out" | wc -c)" -eq 0
starts "$monitor" list --watch
check 'watch: without seconds' wait_until 10 blocks 2 "$scratch/run.out"
kill -TERM "$pid"
end_status 'watch: without seconds: exit 0' 0
starts "$monitor" show --watch "$two"
check 'watch: show, without seconds before its queue' wait_until 10 has_match "^queue $two: ok" "$scratch/run.out"
kill -TERM "$pid"
end_status 'watch: show: exit 0' 0
new_queue
put -- a
starts "$monitor" show --watch 50ms "$queue"
check 'watch: show a queue' wait_until 10 has_match "^queue $queue: ok" "$scratch/run.out"
"$monitor" remove -q --force "$queue"
end_status 'watch: show a queue that is removed: exit 1' 1
timeout 20 "$monitor" list --watch 10ms 2>"$scratch/err" | head -n 1 >"$scratch/out"
check_equal 'watch: nobody reads it any more: exit 1' 1 "${PIPESTATUS[0]}"
check_match 'watch: nobody reads it any more: says why' '^monitor: standard output: cannot be written: Broken pipe$' \
    "$scratch/err"
for bad in --watch=-1 '--watch -1' --watch=abc --watch= '--watch 0' '--watch 0s' '--watch 99999999999999999999'; do
    # shellcheck disable=SC2086 # words
    check_usage monitor "$monitor" '--watch .*: (not a duration \(such as |too short \(at least |too long \(at most )' list $bad
done
check_usage monitor "$monitor" 'abc: unexpected argument for list \(--watch takes a duration' list --watch abc
check_usage monitor "$monitor" 'takes no --watch$' check --watch 1 "$two"
check_usage monitor "$monitor" 'events: takes no --watch$' events --watch "$two"
if command -v script >/dev/null; then
    TERM=xterm timeout 20 script -qec "timeout --foreground -s INT --preserve-status 1 '$monitor' list --watch 50ms; echo; echo status \$?" /dev/null \
        </dev/null 2>&1 | tr '\033\r' 'E\n' >"$scratch/screen"
    check_match 'watch: a terminal: SIGINT: exit 0' '^status 0' "$scratch/screen"
    check_match 'watch: a terminal: is drawn again at the same place' '^E\[HNAME|E\[HE\[1mNAME' "$scratch/screen"
    check_match 'watch: a terminal: what was below is cleared' 'E\[J' "$scratch/screen"
    check_match 'watch: a terminal: no colour with NO_COLOR' '^E\[HNAME' "$scratch/screen"
    env -u NO_COLOR TERM=xterm script -qec "'$monitor' list" /dev/null </dev/null 2>&1 | tr '\033\r' 'E\n' >"$scratch/screen"
    check_match 'a terminal: colours' "^$two +E\[32mok *E\[0m" "$scratch/screen"
    env -u NO_COLOR TERM=dumb script -qec "'$monitor' list" /dev/null </dev/null 2>&1 | tr '\033\r' 'E\n' >"$scratch/screen"
    check_match 'a dumb terminal: no colours' "^$two +ok " "$scratch/screen"
else
    skip 'watch: a terminal' 'needs script(1)'
fi

if screen_needed; then
    long=$SHMQ_TEST_PREFIX.$(printf 'n%.0s' {1..80}).end
    "$producer" -q -Q "$long" -- a b c
    screen_start 80 5
    screen_type "clear; '$monitor' list --watch 100ms" Enter
    check_screen 'watch: rows that do not fit are counted' '^\([0-9]+ more lines\)$'
    screen_resize 80 200
    check_screen 'watch: a long name leaves room for the columns' '^NAME +STATE +MESSAGES +OLDEST +PROD +CONS +MEMORY +OWNER'
    check_screen 'watch: of a long name, the middle is left out' '^[^ ]+…n*\.end  ok +3 +[0-9.]+ '
    check 'watch: all rows fit' wait_until 10 screen_hides 'more lines'
    screen_end
    check_match 'a long name is whole where it is no screen' "^$long  ok " <("$monitor" list)
    "$monitor" remove -q --force "$long"
fi

# ------------------------------------------------------------------ --alert

# Other tests have queues, too: this one's decides only where it is named.
names_ours() {
    grep -q "queue '$two': alert" "$scratch/err"
}
lacks() { # REGEX: what was printed last
    ! grep -q -- "$1" "$scratch/out"
}
check_status 'alert: list: exit 4' 4 "$monitor" list --alert 'messages>2'
check_match 'alert: list: says which and why' "^monitor: queue '$two': alert: messages>2: 3\$" "$scratch/err"
check_match 'alert: list: prints its line' "^$two +ok +3 " "$scratch/out"
check 'alert: list: prints no other queue' lacks "^$one "
check_status 'alert: list: JSON: exit 4' 4 "$monitor" list --json --alert 'messages>2'
check_match 'alert: list: JSON: has the queue' "\"name\": \"$two\"" "$scratch/out"
check 'alert: list: JSON: has no other' lacks "\"name\": \"$one\""
"$monitor" list --alert 'messages>3' >"$scratch/out" 2>"$scratch/err"
check 'alert: list: what does not hold' eval '! names_ours'
check 'alert: list: what does not hold is not printed' lacks "^$two "
# In a /dev/shm of its own, because another test's damaged queue would be an alert.
alone() { # OPTION...: list, where a queue has one message
    # shellcheck disable=SC2016 # for the inner shell
    unshare --mount bash -c 'mount -t tmpfs tmpfs /dev/shm && "$1" -q -Q alone -- a && shift && exec "$@"' - \
        "$producer" "$monitor" list "$@"
}
if alone --json >/dev/null 2>&1; then
    check_status 'alert: nothing holds: exit 0' 0 alone --alert 'messages>1'
    check_equal 'alert: nothing holds: nothing is printed' '' "$(cat "$scratch/out" "$scratch/err")"
    check_status 'alert: nothing holds: JSON: exit 0' 0 alone --json --alert 'messages>1'
    check_equal 'alert: nothing holds: JSON: an empty list' '[]' "$(cat "$scratch/out")"
    check_status 'alert: something holds: exit 4' 4 alone --alert 'messages>0'
else
    skip 'alert: nothing holds' 'unshare is not permitted'
fi
for verb in 'list' 'list --json' 'list --watch 50ms' "show $two" "show $two --json" "show $two --watch=50ms" "wait $two"; do
    # shellcheck disable=SC2086 # words
    check_status "alert: $verb -q: exit 4" 4 timeout 10 "$monitor" $verb -q --alert 'messages>2'
    check_equal "alert: $verb -q: says and prints nothing" '' "$(cat "$scratch/out" "$scratch/err")"
done
check_status 'alert: -q: does not hold' 0 "$monitor" show -q --alert 'messages>3' "$two"
check_equal 'alert: -q: does not hold: prints nothing' '' "$(cat "$scratch/out" "$scratch/err")"
check_status 'alert: -q: an error is said' 1 "$monitor" show -q --alert 'messages>3' "$two.not"
check_match 'alert: -q: an error is said: which' "^monitor: queue '$two.not': .*no such queue" "$scratch/err"
check_match 'without a condition, -q prints' "^$two " <("$monitor" list -q)
for holds in 'messages>2' 'fill<1%' 'messages>=3' 'messages<4' 'messages<=3' 'full<1%' 'full>=0' 'oldest<1h' 'oldest>1us' 'bytes>2' 'bytes<1K' \
    'memory>1K' 'producers<1' 'consumers<=0' 'blocked<1' 'dead<1' 'leased<1' ' messages > 2 ' 'messages>9,consumers<1'; do
    check_status "alert: show: $holds" 4 "$monitor" show --alert "$holds" "$two"
    check_match "alert: show: $holds: is said" "^monitor: queue '$two': alert: " "$scratch/err"
    check_match "alert: show: $holds: prints as ever" "^queue $two: ok" "$scratch/out"
done
for not in 'messages>3' 'messages>=4' 'messages<3' 'messages<=2' 'full>80%' 'full>80' 'oldest>5m' 'bytes>3' 'memory>1G' \
    'producers>0' 'dead>0' 'blocked>0' 'messages>9,full>50%'; do
    check_status "alert: show: not $not" 0 "$monitor" show --alert "$not" "$two"
    check_equal "alert: show: not $not: nothing is said" '' "$(cat "$scratch/err")"
done
check_status 'alert: repeated: one holds' 4 "$monitor" show --alert 'messages>9' --alert 'consumers<1' "$two"
check_status 'alert: --json' 4 "$monitor" show --json --alert 'messages>2' "$two"
check_match 'alert: --json: prints as ever' '^\{"name": ' "$scratch/out"
for bad in '' full 'full>' 'full>101%' 'full>-1' 'full>8%%' 'fil>3' '>3' 'messages>x' 'messages>1.5' 'oldest>5 weeks' 'messages=3' \
    'messages>2,' ',messages>2' 'messages>2 full>3' 'messages>99999999999999999999'; do
    check_usage monitor "$monitor" '--alert.*(full>PERCENT|empty)' show --alert "$bad" "$two"
done
check_usage monitor "$monitor" 'takes no --alert' check --alert 'messages>2' "$two"

# With wait: at once, if it holds; before --empty comes true.
check_status 'alert: wait: holds: exit 4' 4 "$monitor" wait --alert 'messages>2' "$two"
check_match 'alert: wait: is said' "^monitor: queue '$two': alert: messages>2: 3\$" "$scratch/err"
check_status 'alert: wait: does not hold: exit 0' 0 "$monitor" wait --alert 'messages>3' "$two"
check_status 'alert: wait --empty: holds: exit 4' 4 timeout 10 "$monitor" wait --empty --alert 'messages>2' "$two"
check_status 'alert: wait --empty: does not hold: times out' 4 "$monitor" wait --empty --timeout 300ms --alert 'messages>3' "$two"
check_match 'alert: wait --empty: does not hold: says that it is not empty' 'not empty after 300 ms' "$scratch/err"
starts "$monitor" wait --empty --alert 'messages>3' "$two"
"$producer" -q -Q "$two" -- d
end_status 'alert: wait --empty: it comes to hold: exit 4' 4
check_match 'alert: wait --empty: it comes to hold: is said' "^monitor: queue '$two': alert: messages>3: 4\$" "$scratch/run.log"
starts "$monitor" wait --empty --alert 'messages>9' "$two"
"$consumer" -q -Q "$two" --grace 10ms --discard
end_status 'alert: wait --empty: it gets empty: exit 0' 0

# Dead ones: a producer that did not finish, a consumer that had something.
new_queue
starts "$producer" -q -Q "$queue" --delay 60s -- a b
check 'alert: dead: a message' wait_until 10 queue_has messages 1
check_status 'alert: dead: none yet' 0 "$monitor" show --alert 'dead>0' "$queue"
kill_now "$pid"
check_status 'alert: dead: a producer' 4 "$monitor" show --alert 'dead>0' "$queue"
starts "$consumer" -q -Q "$queue" --work 60s --discard
check 'alert: dead: a consumer has it' wait_until 10 is_holding 1
kill_now "$pid"
check_status 'alert: dead: a producer and a consumer' 4 "$monitor" show --alert 'dead>1' "$queue"
"$monitor" list --alert 'dead>1' >/dev/null 2>"$scratch/err"
check_match 'alert: dead: list' "^monitor: queue '$queue': alert: dead>1: 2\$" "$scratch/err"

# Watched: at once, when it holds.
starts "$monitor" show --watch 50ms --alert 'messages>1' "$queue"
check 'alert: watch: runs' wait_until 10 has_match '^queue ' "$scratch/run.out"
put -- c
end_status 'alert: watch: it comes to hold: exit 4' 4

# A damaged queue is an alert whatever the condition.
printf '\377\377\377\377\377\377\377\377' | dd of="/dev/shm/shmq.$queue" conv=notrunc status=none
check_status 'alert: a damaged queue' 4 "$monitor" list --alert 'messages>1000'
check_match 'alert: a damaged queue: is said' "^monitor: queue '$queue': alert: damaged: ." "$scratch/err"
check_status 'alert: a damaged queue: show says that it is damaged' 5 "$monitor" show --alert 'messages>1000' "$queue"
for q in "$one" "$two" "$three" "$queue"; do
    "$monitor" remove -q --force "$q"
done

echo "$passed passed, $failed failed"
