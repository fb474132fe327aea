#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# monitor top, the full screen: what is on it, in a real terminal emulator, and what is left of it afterwards.
# shellcheck disable=SC2016 # eval expands it
. "$(dirname "$0")/../support/lib.sh"
. "$top/tests/support/screen.sh"

# ------------------------------------------------------------------ where it cannot run

mkdir -p "$scratch/alone"
cp "$monitor" "$scratch/alone/monitor"
check_status 'no monitor-top: exit 1' 1 "$scratch/alone/monitor" top
check_match 'no monitor-top: says how to get it' \
    '^monitor: top: .*/monitor-top is missing.*apt-get install libncurses-dev.*make' "$scratch/err"

if [[ ! -x $build/monitor-top ]]; then
    skip "$test_name" 'built without ncurses (apt-get install libncurses-dev, make)'
    exit 0
fi

check_status 'stdin is no terminal: exit 1' 1 "$monitor" top </dev/null
check_match 'stdin is no terminal: says so, and what to use' \
    "^monitor: top: standard input is not a terminal .*'monitor list --watch'" "$scratch/err"
check_usage monitor "$monitor" 'unexpected argument for top' top a b
check_usage monitor "$monitor" 'not a valid name' top a/b

screen_needed || exit 0

# ------------------------------------------------------------------ what the tests use

# Types the command and waits for its first screen.
start_top() { # ARGUMENTS...
    screen_type "clear; stty -g >'$scratch/before'; ${*@Q}; echo \"status \$?\"; stty -g >'$scratch/after'" Enter
    wait_until 20 screen_shows '^top: |^monitor-top: ' && wait_until 10 eval 'pid=$(screen_program) && [[ $pid ]]'
}

# It has ended with STATUS, and the terminal is what it was.
check_terminal_is_back() { # NAME STATUS
    check_screen "$1: the status is $2" "^status $2\$"
    wait_until 10 test -s "$scratch/after"
    check_same "$1: the modes are as before" "$scratch/before" "$scratch/after"
    check_equal "$1: the normal screen, with a cursor" '0 1' "$(screen_property 'alternate_on} #{cursor_flag')"
    rm -f "$scratch/after"
}

quit_top() {
    screen_type q
    wait_until 10 screen_shows '^status 0$'
}

has_clock() { # another time than before
    screen_text | sed -n '1s/.* \(..:..:..\)$/\1/p' >"$scratch/clock.new"
    [[ -s $scratch/clock.new ]] && ! cmp -s "$scratch/clock.new" "$scratch/clock"
}

check_goes_on() { # NAME
    screen_text | sed -n '1s/.* \(..:..:..\)$/\1/p' >"$scratch/clock"
    check "$1" wait_until 10 has_clock
}

# ------------------------------------------------------------------ no full screen

screen_start 100 24 || {
    not_ok 'a terminal' 'tmux cannot be started'
    exit 1
}
new_queue
first=$queue
"$producer" -q -Q "$first" --capacity 64K -- a b c
new_queue
second=$queue
"$producer" -q -Q "$second" --capacity 64K --lanes 4 -- a

screen_type "TERM=dumb $monitor top; echo \"status \$?\"" Enter
check_screen 'TERM=dumb: exit 1' '^status 1$'
check_screen 'TERM=dumb: says why' 'top: TERM=dumb: this terminal has no full screen'
screen_type "clear; TERM=no-such $monitor top; echo \"status \$?\"" Enter
check_screen 'an unknown TERM: says why' 'top: TERM=no-such: this terminal is not known'
screen_type "clear; (unset TERM; $monitor top); echo \"status \$?\"" Enter
check_screen 'no TERM: says why' 'top: TERM is not set'
screen_type "clear; $monitor top | cat; echo \"status \${PIPESTATUS[0]}\"" Enter
check_screen 'stdout is no terminal: says so' 'top: standard output is not a terminal'
check_screen 'stdout is no terminal: exit 1' '^status 1$'
screen_type "clear; $monitor top $first.missing; echo \"status \$?\"" Enter
check_screen 'no such queue: says so' 'cannot be watched: no such queue'
check_screen 'no such queue: exit 1' '^status 1$'

# ------------------------------------------------------------------ the list

start_top "$monitor" top
check_screen 'the list: a title with a clock' '^top: [0-9]+ queues? by name.* [0-9][0-9]:[0-9][0-9]:[0-9][0-9]$'
check_screen 'the list: headings' '^QUEUE\^ +FULL +STATE +MESSAGES +OLDEST +IN/S +OUT/S +PROD +CONS$'
check_screen 'the list: keys' '^q quit +\? help'
screen_type / "$first"
check_screen 'jump: what is typed' "^Jump to: ${first}_\$"
screen_type Enter
check_screen 'the list: a queue with its bar, state and messages' "^$first +\[.*\] +ok +3 .* 0 +0\$"
screen_type '?'
check_screen 'help' 'Keys \(any key ends this help\)'
screen_type '?'
check 'help ends' wait_until 10 screen_hides 'any key ends'
for order in fill messages oldest in out name; do
    screen_type s
    check_screen "s: by $order" "^top: [0-9]+ queues? by $order"
done
screen_type r
check_screen 'r: reversed' '^top: [0-9]+ queues? by reversed name'
check_screen 'r: marked in the heading' '^QUEUEv '
screen_type S
check_screen 'S: the order before' '^top: [0-9]+ queues? by reversed out'
screen_type S S S S S r
check_screen 'another queue appears by itself' '^top: [0-9]+ queues? by name'
new_queue
third=$queue
"$producer" -q -Q "$third" -- a
screen_type / "$third"
check_screen 'another queue appears by itself: it can be found' "^$third "
screen_type Escape
"$monitor" remove -q --force "$third"
check 'a removed queue disappears by itself' wait_until 10 screen_hides "^$third "
quit_top
check_terminal_is_back 'q' 0

# ------------------------------------------------------------------ the page of a queue

"$producer" -q -Q "$first" --random --on-full block & fill=$!
wait_until 20 eval 'queue=$first is_blocked'
start_top "$monitor" top "$first"
check_screen 'the page: name and state' "^top: $first: full "
check_screen 'the page: why it waits' '^full: 1 producer waits, no consumer is attached'
check_screen 'the page: counts' '100 % of .* messages  oldest '
check_screen 'the page: blocks where the locale has them' '█'
check_screen 'the page: the time in the queue' '^time in queue: nothing was acknowledged yet'
check_screen 'the page: graphs' '^FULL 100 % \(last 2 min\) +IN .*/s \(to .*\) +OUT .*/s \(to '
check_screen 'the page: the producer' "^producer [0-9] +$fill producer .* blocked on full"
check_screen 'the page: events' '^[0-9:.]{12} .*attached'
"$consumer" -q -Q "$first" --discard --work 100ms & drain=$!
check_screen 'the page: the consumer' "^consumer 0 +$drain consumer .* running"
check_screen 'the page: the rates' "^consumer 0 +$drain consumer +[1-9]"
check_screen 'the page: percentiles' '^time in queue, last [0-9]+ s: p50 .* p90 .* p99 .* max [1-9]'
kill -STOP "$drain"
check_screen 'a stopped consumer: its state' "^consumer 0 +$drain consumer .* stopped"
check_screen 'a stopped consumer: the reason' "held up by consumer 0 \(pid $drain, stopped"
check_goes_on 'a stopped consumer: the screen goes on'
kill_now "$drain"
check_screen 'a dead consumer: its state' "^consumer 0 +$drain consumer .* dead"
kill -TERM "$fill"
wait "$fill"
check_screen 'a producer that has ended' "^producer [0-9] +$fill producer .* finished"

screen_type p
check_screen 'p asks' "^Pause queue $first\? Consumers get nothing until it is resumed\. \(y/n\)\$"
screen_type x n
check 'p, n: the question is gone' wait_until 10 screen_hides "^Pause queue"
check_equal 'p, n: not paused' false "$(queue_field "$first" paused)"
screen_type p y
check 'p, y: paused' wait_until 10 queue_has paused true "$first"
check_screen 'p, y: says so' "^queue '$first' is paused"
check_screen 'p, y: the state' "^top: $first: paused"
check_screen 'p, y: the keys say what p does now' '  p resume  j k scroll'
check_screen 'p, y: the event' '^[0-9:.]{12} .*paused'
screen_type p
check_screen 'p again asks for the other' "^Resume queue $first\? \(y/n\)\$"
screen_type y
check 'p, y again: resumed' wait_until 10 queue_has paused false "$first"
check_screen 'p, y again: says so' "^queue '$first' is resumed"
check 'p, y again: not for long' wait_until 5 screen_hides 'is resumed'
screen_type Tab
check 'Tab: another queue' wait_until 10 screen_hides "^top: $first: "
screen_type BTab
check_screen 'Shift-Tab: back' "^top: $first: "
screen_type Escape
check_screen 'Esc: the list' '^top: [0-9]+ queues'
screen_type Enter
check_screen 'Enter: the page' "^top: $first: "

# ------------------------------------------------------------------ sizes

for size in 40x10 20x5 7x3 1x1 2x40 200x1 200x60; do
    screen_resize "${size%x*}" "${size#*x}"
    wait_until 10 eval '[[ $(screen_property window_width)x$(screen_property window_height) == $size ]]'
    screen_type '?' Escape Escape p n Enter
done
check_screen 'after all sizes: the page' "^top: $first: "
check_screen 'after all sizes: it is as wide as the terminal' "^.{192}[0-9:]{8}\$"
screen_resize 80 24
check_screen '80x24: it is as wide as the terminal' "^.{72}[0-9:]{8}\$"
check_screen '80x24: the last line' '^q quit'
check_equal '80x24: the last line is the last row' '24' "$(screen_text | grep -n '^q quit' | cut -d: -f1)"

# ------------------------------------------------------------------ what may happen to a queue

"$monitor" remove -q --force "$first"
check_screen 'removed: says so, and how to leave' '^removed; this is what was seen last; Esc: back to the list'
check_screen 'removed: the state' "^top: $first: removed"
check_goes_on 'removed: the screen goes on'
"$producer" -q -Q "$first" -- again
check_screen 'another queue of the name: is shown' '^\[.* 1 message '
quit_top
check_terminal_is_back 'q on the page' 0

start_top "$monitor" top "$first"
truncate -s 4096 "/dev/shm/shmq.$first"
check_screen 'truncated: says so' 'not a queue, or truncated'
check_goes_on 'truncated: the screen goes on'
screen_type Escape / "$second" Enter Enter
check_screen 'truncated: others are shown' "^top: $second: "
rm -f "/dev/shm/shmq.$first"
quit_top

if ((EUID == 0)) && command -v setpriv >/dev/null; then
    start_top setpriv --reuid=65534 --clear-groups "$monitor" top
    screen_type / "$second" Enter
    check_screen 'no permission: a line of its own' "^[^ ]*${second: -6} +forbidden" # the middle of long names is left out
    quit_top
    new_queue
    "$producer" -q -Q "$queue" --capacity 64K --mode 0644 -- a
    start_top setpriv --reuid=65534 --clear-groups "$monitor" top "$queue"
    screen_type p y
    check_screen 'no permission to pause: says so' "^queue '$queue': cannot be paused: belongs to root\$"
    check_equal 'no permission to pause: not paused' false "$(queue_field "$queue" paused)"
    quit_top
else
    skip 'no permission' 'needs root and setpriv'
fi

# ------------------------------------------------------------------ signals

for signal in INT TERM; do
    start_top "$monitor" top "$second"
    kill -"$signal" "$pid"
    check_terminal_is_back "SIG$signal" 0
done
start_top "$monitor" top "$second"
screen_type C-c
check_terminal_is_back '^C' 0
# Those that somebody may send, crashes, and those that nobody is likely to send.
for signal in HUP:129 QUIT:131 SEGV:139 ABRT:134 BUS:135 TRAP:133 USR2:140 ALRM:142 VTALRM:154 SYS:159 RTMIN:162; do
    start_top "$monitor" top "$second"
    kill -"${signal%:*}" "$pid"
    check_terminal_is_back "SIG${signal%:*}" "${signal#*:}"
done

start_top "$monitor" top "$second"
screen_type C-z
check_screen '^Z: the shell is there' 'Stopped'
check_equal '^Z: the normal screen, with a cursor' '0 1' "$(screen_property 'alternate_on} #{cursor_flag')"
screen_type "stty -g >'$scratch/after'" Enter
wait_until 10 test -s "$scratch/after"
check_same '^Z: the modes are as before' "$scratch/before" "$scratch/after"
screen_type 'clear; fg' Enter
check_screen 'fg: the page' "^top: $second: "
check_goes_on 'fg: the screen goes on'
# The shell takes the terminal back, and top learns by SIGCONT that it has to draw everything.
kill -STOP "$pid"
wait_until 10 eval '[[ ! $(screen_program) ]]'
screen_type fg Enter
check_goes_on 'SIGSTOP, SIGCONT: the screen goes on'
check_screen 'SIGSTOP, SIGCONT: all is drawn' '^q quit'
quit_top

# Output is held back: an end by a signal must not wait for it.
start_top "$monitor" top "$second"
screen_type C-s
kill -TERM "$pid"
check 'TERM while output is held back: it ends' wait_until 10 has_ended "$pid"
screen_type C-q
screen_end

screen_start 80 24
start_top "$monitor" top
screen_end
check 'the terminal is gone: it ends' wait_until 10 has_ended "$pid"
screen_start 80 24
start_top bash -c "trap '' HUP; exec '$monitor' top"
screen_end
check 'the terminal is gone, no SIGHUP: it ends' wait_until 10 has_ended "$pid"

# ------------------------------------------------------------------ terminals and locales

"$producer" -q -Q "$second" --random --on-full block &
screen_start 80 24
start_top env TERM=vt100 NO_COLOR= "$monitor" top "$second"
check_screen 'vt100: the page' '^full: 1 producer waits'
check_equal 'vt100: no colours' 0 "$(screen_text -e | grep -c $'\e\\[3[0-7]')"
quit_top
check 'vt100: the shell goes on in a line of its own' screen_hides 'p pause'
start_top env NO_COLOR=1 "$monitor" top "$second"
check_screen 'NO_COLOR: the page' '^full: 1 producer waits'
check_equal 'NO_COLOR: no colours' 0 "$(screen_text -e | grep -c $'\e\\[3[0-7]')"
quit_top
start_top env -u NO_COLOR "$monitor" top "$second"
check_screen 'with colours: the page' '^full: 1 producer waits'
check 'with colours: there are some' eval "screen_text -e | grep -q \$'\\e\\\\[3[0-7]'"
quit_top
start_top env LC_ALL=C "$monitor" top "$second"
check_screen 'no UTF-8: the page' '^full: 1 producer waits'
check_screen 'no UTF-8: a bar' '^\[#+\] 100 %'
check_equal 'no UTF-8: nothing but ASCII' 0 "$(screen_text | LC_ALL=C grep -c '[^ -~]')"
quit_top

# ------------------------------------------------------------------ none and many

if unshare --mount true 2>/dev/null; then
    start_top unshare --mount bash -c "mount -t tmpfs tmpfs /dev/shm && exec '$monitor' top"
    check_screen 'no queue: says so' '^There is no queue; new ones appear by themselves'
    quit_top
    start_top unshare --mount bash -c "mount -t tmpfs tmpfs /dev/shm && for ((i = 100; i < 400; i++)); do
        '$producer' -q -Q \"queue.\$i\" --capacity 4K --lanes 1 --seats 1 -- a; done; exec '$monitor' top"
    check_screen '300 queues: counted' '^top: 300 queues by name, 1 to 20 shown'
    screen_type G
    check_screen '300 queues: the last' '^queue.399 .* ok +1 '
    check_screen '300 queues: which are shown' '^top: 300 queues by name, 281 to 300 shown'
    screen_type PPage
    check_screen '300 queues: a screenful up' '^queue.379 '
    quit_top
    start_top unshare --mount bash -c "mount -t tmpfs -o mode=700 tmpfs /dev/shm && exec setpriv --reuid=65534 --clear-groups '$monitor' top"
    check_screen '/dev/shm cannot be read: says so' '^/dev/shm cannot be read: Permission denied'
    quit_top
else
    skip 'no queue, and many' 'unshare is not permitted'
fi
screen_end
kill_now %% 2>/dev/null

((failed == 0))
