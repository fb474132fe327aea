#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The status line of --progress, of producer, consumer and supervisor.

. "$(dirname "$0")/../support/lib.sh"
export LC_ALL=C

supervisor=$build/supervisor
seq -f 'line %06.0f' 4000 >"$scratch/input" # 12 bytes each
small=(--capacity 64K --max-message 1K)
often=(--progress-interval 100ms)

# What a program writes to a terminal of so many columns, a line for each time that the line is drawn.
on_terminal() { # COLUMNS COMMAND
    script -qec "stty cols $1; $2" /dev/null </dev/null | tr '\r' '\n' | sed 's/\x1b\[K//g'
}

is_said() { # LOG REGEX
    wait_until 20 grep -Eq -- "$2" "$scratch/$1.log"
}

start() { # LOG COMMAND...
    local log=$1
    shift
    : >"$scratch/$log.log"
    env --default-signal=INT "$@" 2>"$scratch/$log.log" >"$scratch/$log.out" </dev/null &
    pid=$!
}

# The numbers before a word, of all lines: "12 13 ...".
numbers() { # FILE WORD
    sed -En "s/.*[ :]([0-9]+) $2.*/\1/p" "$1" | tr '\n' ' '
}

never_falls() { # NUMBER...
    local before=0 number
    for number; do
        ((number >= before && number <= 100)) || return 1
        before=$number
    done
    (($# > 1))
}

# Seconds left, rounded up, as told by the first line that does.
first_left() { # FILE
    sed -En '/ left/ s/.*, (less than 1|[0-9]+)(\.[0-9])? s left.*/\1/p' "$1" | sed -n 1p | awk '{ print $1 == "less" ? 1 : $1 + 1 }'
}

# ------------------------------------------------------------------ the option

for program in producer consumer supervisor; do
    for value in 99ms 0 -1 x 1x ''; do
        check_status "$program --progress-interval '$value': exit 2" 2 "$build/$program" -Q "$SHMQ_TEST_PREFIX.no" \
            --progress-interval "$value"
        check_match "$program --progress-interval '$value': is named" "^$program: .*progress-interval" "$scratch/err"
    done
done
check_match 'an interval that is too short: why' 'too short \(at least 100ms\)' \
    <("$producer" --progress-interval 99ms 2>&1)

# The option alone shows the line.
check_match 'the interval implies --progress' '^producer: [0-9]+ in ' \
    <("$producer" -Q "$SHMQ_TEST_PREFIX.implied" --random --count 300 --rate 1000 --progress-interval 100ms 2>&1)
"$monitor" remove -q --force "$SHMQ_TEST_PREFIX.implied"
for program in producer consumer supervisor; do
    check_match "$program --help: the interval implies --progress" 'implies --progress' <("$build/$program" --help)
done

# ------------------------------------------------------------------ sizes that are known, not on a terminal

# They run at the same time, each on a queue of its own.
new_queue
input=(--input "$scratch/input" --rate 2000 "${often[@]}")
start file "$producer" -Q "$queue" "${input[@]}"
file=$pid
# The lines with when they came: later than they were printed, on a busy machine, but never earlier.
stamp() {
    local line
    while IFS= read -r line; do
        printf '%s %s\n' "${EPOCHREALTIME//[!0-9]/}" "$line"
    done
}
began_us=${EPOCHREALTIME//[!0-9]/}
"$producer" -Q "$queue.stamped" "${input[@]}" 2> >(stamp >"$scratch/stamped.log") &
stamped=$!
start part "$producer" -Q "$queue.part" --split 2/2 "${input[@]}" --rate 1000
part=$pid
start count "$producer" -Q "$queue.count" --random --count 1000 --rate 500 "${often[@]}"
count=$pid
start run "$supervisor" -Q "$queue.run" -p 2 -c 2 --input "$scratch/input" --rate 1000 --discard "${often[@]}"
run=$pid
has_half() {
    local field
    find_field "$queue.resumed" messages
    ((${field:-0} >= 2000))
}
"$producer" -q -Q "$queue.resumed" --input "$scratch/input" --resume --rate 4000 &
resumed=$!
wait_until 20 has_half
kill -TERM "$resumed"
wait "$resumed"
start resumed "$producer" -Q "$queue.resumed" --input "$scratch/input" --resume --rate 1000 "${often[@]}"
resumed=$pid
check 'resumed: is drawn' is_said resumed '% done'
check 'resumed: percent begins where it was' test "$(numbers "$scratch/resumed.log" '% done' | cut -d ' ' -f 1)" -ge 49
kill_now "$resumed"
wait "$file" "$part" "$count" "$run" "$stamped"

percents() { # LOG LEAST: they never fall, and reach this
    local list
    list=$(numbers "$scratch/$1.log" '% done')
    # shellcheck disable=SC2086 # numbers
    never_falls $list && (($(awk '{ print $NF }' <<<"$list") >= $2))
}
check 'a file: percent' percents file 80
left=$(first_left "$scratch/file.log")
check "a file: after a second, another one is left: $left" eval '((left >= 1 && left <= 3))'
has_left() {
    grep -q ' left' "$scratch/stamped.log"
}
check 'a file: a time left' wait_until 20 has_left
first_us=$(sed -n '/ left/ s/ .*//p' "$scratch/stamped.log" | head -n 1)
check 'a file: no time left before a second of measurements' test "$((first_us - began_us))" -ge 1000000
check 'a file: more than one line in two seconds' test "$(grep -c ' in (.* out (.*% full' "$scratch/file.log")" -ge 5
check_equal 'a file: no control characters' '' "$(grep $'[\r\e]' "$scratch/file.log")"
check_match 'a file: the totals are as ever' '^producer: produced 4000 messages, .* in .*/s, .*/s\)$' "$scratch/file.log"
check 'a part of a file: of its own size' percents part 70
check '--count: percent' percents count 70
check 'supervisor: percent' percents run 80
check_match 'supervisor: the same line' \
    '^supervisor: .* in \(.*/s\), .* out \(.*/s\), .*B/s \[[#-]{10}\] [0-9]+ % full, [0-9]+ % done, (less than )?[0-9.]+ s left$' "$scratch/run.log"

# What is read does not count: nearly all of it is left for a while. 10 bytes a message, with its line's end.
seq -f '%09.0f' 60 >"$scratch/short"
start slowly "$supervisor" -Q "$queue.slowly" --input "$scratch/short" --work 20ms --discard "${often[@]}"
wait "$pid"
not_as_came_out() { # LOG: lines whose percent or bytes a second are not those of what came out
    sed -En 's/.* ([0-9]+) out \(([0-9.]+)\/s\), ([0-9.]+) B\/s .* ([0-9]+) % done.*/\1 \2 \3 \4/p' "$1" |
        awk '{ n++ } $4 != int($1 * 100 / 60) || $3 < $2 * 10 - 10 || $3 > $2 * 10 + 10 { print } END { if (n < 5) print "only " n + 0 }'
}
check_equal 'supervisor: percent and bytes a second are of what came out' '' "$(not_as_came_out "$scratch/slowly.log")"

# The consumer of what is there knows it, too: no producer is left.
start consumer "$consumer" -Q "$queue" --discard --rate 2000 --prefetch 50 "${often[@]}"
file=$pid
start count "$consumer" -Q "$queue.count" --discard --count 900 --rate 300 --prefetch 50 "${often[@]}"
wait "$file" "$pid"
check 'an ended queue: percent' percents consumer 80
check_match 'an ended queue: in is what there was' '^consumer: 4 k in \(0/s\), .* out \(' "$scratch/consumer.log"
check_match 'an ended queue: time left' '% done, (less than )?[0-9.]+ s left$' "$scratch/consumer.log"
check 'consumer --count: percent' percents count 70
for each in '' .part .count .resumed; do
    "$monitor" remove -q --force "$queue$each"
done

# ------------------------------------------------------------------ why nothing moves

next_queue
start full "$producer" -Q "$queue" --random --count 100000 "${small[@]}" "${often[@]}"
full=$pid
check 'full: nobody is there' is_said full '\[#{10}\] 100 % full, 1 % done: .*no consumer is attached$'
check_equal 'full: no time left' '' "$(grep ' left' "$scratch/full.log")"
check_match 'full: no rate' '^producer: 1.02 k in \(0/s\), 0 out \(0/s\), 0 B/s .*no consumer is attached$' "$scratch/full.log"
start stopped "$consumer" -q -Q "$queue" --work 60s
stopped=$pid
wait_until 20 queue_has consumers 1
kill -STOP "$stopped"
check 'full: the consumer is stopped' is_said full '100 % full, 1 % done: .*(held up by consumer .*stopped|consumer.*stopped)'
kill_now "$stopped"
"$monitor" -q pause "$queue"
check 'full: paused' is_said full '100 % full, 1 % done: paused: '
start paused "$consumer" -Q "$queue" "${often[@]}" --discard
check 'consumer: paused' is_said paused 'full: paused: .*resume'
kill_now "$full"
kill_now "$pid"
start second "$consumer" -Q "$SHMQ_TEST_PREFIX.absent" "${often[@]}"
check 'consumer: no queue' is_said second '^consumer: 0 in .*: waits for the queue to appear$'
new_queue
mkfifo "$scratch/silent"
exec 8<>"$scratch/silent"
"$producer" -Q "$queue" "${often[@]}" <&8 2>"$scratch/silent.log" &
check 'producer: no input' is_said silent ': waits for input$'
start empty "$consumer" -Q "$queue" "${often[@]}"
check 'consumer: nothing comes' is_said empty '0 % full: empty: 1 producer is attached$'
start slow "$producer" -Q "$queue" --delay 60s "${often[@]}" -- a b c
check 'producer: its turn' is_said slow '33 % done: waits for its turn \(--delay\)$'
kill_all() {
    local job
    for job in $(jobs -p); do
        kill_now "$job"
    done
}
kill_all
new_queue
start run "$supervisor" -Q "$queue" --input <(cat "$scratch/input" "$scratch/input") "${small[@]}" --work 60s "${often[@]}"
run=$pid
check 'supervisor: why' is_said run 'full: .*(producer waits|busy|has had)'
kill -TERM "$run"
kill -INT "$run"
wait "$run"

# Several workers: the line comes while all of them are at work.
new_queue
put -- a b c d
start jobs "$consumer" -Q "$queue" --jobs 2 --exec 'sleep 60' "${often[@]}"
jobs=$pid
check '--jobs: is drawn while all are busy' is_said jobs '^consumer: 4 in \(0/s\), 0 out \(0/s\)'
check '--jobs: why nothing moves' is_said jobs 'full, 0 % done: both jobs of the consumer with pid [0-9]+ are busy, consumer [01] \(pid [0-9]+\) has had 1 message for [1-9]\.[0-9] s$'
check_match '--jobs: show says that it is one process' "^  consumers +2 alive \\(jobs of pid $jobs\\), 0 of them asleep$" \
    <("$monitor" show "$queue")
kill -TERM "$jobs"
kill -INT "$jobs"
wait "$jobs"

check_equal 'README.md: its lines have all parts of one that stands still, too' '' \
    "$(grep '^    producer: .* in (' "$top/README.md" | grep -Ev ' in \(.*/s\), .* out \(.*/s\), .*B/s \[[#-]+\] [0-9]+ % full, [0-9]+ % done(, |: )')"

# ------------------------------------------------------------------ nobody reads it

check_equal '-q: nothing' '' "$("$producer" -q -Q "$queue" --random --count 400 --rate 1000 "${often[@]}" 2>&1)"
next_queue
"$producer" -Q "$queue" --random --count 400 --rate 1000 "${often[@]}" 2>&-
check 'closed: exit 0' test $? -eq 0
check_equal 'closed: all is put' 400 "$(queue_field "$queue" messages)"
next_queue
mkfifo "$scratch/full"
exec 9<>"$scratch/full"
timeout 1 head -c 1000000 /dev/zero >&9
"$producer" -Q "$queue" --random --count 1000 --rate 1000 "${often[@]}" 2>"$scratch/full" 9>&- &
full=$!
check 'a pipe that nobody reads: all is put' wait_until 20 queue_has messages 1000
exec 9<&-
wait "$full"
check 'a pipe that nobody reads any more: no failure' test $? -eq 0

# ------------------------------------------------------------------ on a terminal

if ! script --version >/dev/null 2>&1; then
    skip 'on a terminal' 'script is missing'
    exit
fi
draw_all() { # COLUMNS
    local columns=$1 queue=$SHMQ_TEST_PREFIX.c$1
    on_terminal "$columns" "'$producer' -Q '$queue' --input '$scratch/input' --rate 4000 --progress-interval 100ms" >"$scratch/producer.$columns"
    on_terminal "$columns" "'$consumer' -Q '$queue' --discard --rate 4000 --prefetch 50 --progress-interval 100ms" >"$scratch/consumer.$columns"
    on_terminal "$columns" "'$supervisor' -q -Q '$queue.run' --progress-interval 100ms --input '$scratch/input'" >"$scratch/quiet.$columns"
    on_terminal "$columns" "'$supervisor' -Q '$queue.run' --progress-interval 100ms --input '$scratch/input' --rate 4000 --discard" \
        >"$scratch/supervisor.$columns"
    "$monitor" remove -q --force "$queue"
}
widths=(20 40 80 200)
drawing=()
for columns in "${widths[@]}"; do
    draw_all "$columns" &
    drawing+=($!)
done
wait "${drawing[@]}"
for columns in "${widths[@]}"; do
    line="$columns columns"
    check_equal "$line, supervisor -q: no line" '' "$(grep -E ' (in|full|done)( |$)' "$scratch/quiet.$columns")"
    for program in producer consumer supervisor; do
        drawn=$scratch/$program.$columns
        check "$line, $program: is redrawn" test "$(grep -c '% done' "$drawn")" -ge 4
        check_equal "$line, $program: never wider" '' "$(grep -E '% (done|full)' "$drawn" | awk -v "columns=$columns" 'length >= columns')"
        ((columns < 80)) || check_match "$line, $program: a bar" '\[[#-]+\] [0-9]+ % full, [0-9]+ % done' "$drawn"
        ((columns < 120)) || check_match "$line, $program: both rates" ' in \(.*/s\), .* out \(' "$drawn"
    done
done

# Starts a program on a terminal of so many columns, which becomes $scratch/typescript. Sets script, and worker to its pid.
start_on_terminal() { # COLUMNS COMMAND
    : >"$scratch/typescript"
    env --default-signal=INT script -qfec "stty cols $1; exec $2" "$scratch/typescript" </dev/null >/dev/null &
    script=$!
    wait_until 20 has_worker
    worker=$(pgrep -P "$script")
}
has_worker() {
    pgrep -P "$script" -x 'producer|consumer' >/dev/null
}
drawn() {
    tr '\r' '\n' <"$scratch/typescript" | sed 's/\x1b\[K//g'
}
has_drawn() { # REGEX
    drawn | grep -aEq -- "$1"
}

# The reason is cut, and begins with what matters.
next_queue
start_on_terminal 40 "'$producer' -Q '$queue' --random --capacity 64K --max-message 1K --progress-interval 100ms"
wait_until 20 has_drawn '^100 % full: 1 producer waits'
kill -TERM "$worker"
wait "$script"
check_match '40 columns: why' '^(1.02 k in, )?100 % full: 1 producer waits' <(drawn)
check_match '40 columns: why: is cut behind a word' '^100 % full: 1 producer waits, no\.\.\.$' <(drawn)
check_equal '40 columns: why: never wider' '' "$(drawn | grep -a '% full' | awk 'length >= 40')"

# A second signal ends the program at once, and leaves no line behind.
next_queue
"$producer" -q -Q "$queue" --random --count 1
start_on_terminal 80 "'$consumer' -Q '$queue' --exec 'sleep 60' --progress-interval 100ms"
wait_until 20 has_drawn '0 out'
kill -TERM "$worker"
kill -INT "$worker"
wait "$script"
last_written() {
    tr '\r' '\n' <"$scratch/typescript" | grep -av '^Script' | grep . | tail -n 1
}
check_equal 'a second signal: the line is erased' $'\e[K' "$(last_written)"

if ! command -v tmux >/dev/null; then
    skip 'a terminal that changes its size' 'tmux is missing'
    exit
fi
# What is written to the terminal, drawing by drawing.
tmux() {
    command tmux -S "$scratch/tmux" -f /dev/null "$@"
}
at_exit+=('tmux kill-server')
last_drawn() {
    tr '\r' '\n' <"$scratch/pane" | sed 's/\x1b\[K//g' | grep '% full' | tail -n 2 | head -n 1
}
has_width() { # LEAST MOST
    local line
    line=$(last_drawn)
    ((${#line} >= $1 && ${#line} < $2))
}
next_queue
: >"$scratch/pane"
tmux new-session -d -x 100 -y 10 "exec '$producer' -Q '$queue' --random --rate 100 --progress-interval 100ms"
tmux pipe-pane "exec cat >>'$scratch/pane'"
check 'resized: at first' wait_until 20 has_width 60 100
for columns in 30 70 20 120; do
    tmux resize-window -x "$columns"
    : >"$scratch/pane"
    check "resized to $columns columns" wait_until 20 has_width 5 "$columns"
    check_match "resized to $columns columns: still says something" '[0-9]+ % full' <(last_drawn)
done
check 'resized: wider again' wait_until 20 has_width 60 120
