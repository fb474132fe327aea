#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# time limit: 600 s
# scripts/run.sh: what it starts, restarts, stops and leaves behind.
. "$(dirname "$0")/../support/lib.sh"
export XDG_RUNTIME_DIR=$scratch/runtime
mkdir "$XDG_RUNTIME_DIR"

# What is started here receives the signals that a shell's background job would ignore.
run() { # ARGUMENT...: run.sh in a session of its own, in the background; sets run_pid
    : >"$scratch/out.log" # so that no later wait sees the last run's output
    : >"$scratch/run.log"
    setsid env --default-signal=INT,QUIT "$run_sh" -Q "$queue" "$@" >"$scratch/out.log" 2>"$scratch/run.log" </dev/null &
    run_pid=$!
}

# Runs run.sh in the foreground, with a time limit.
try() { # ARGUMENT...
    timeout 120 "$run_sh" -Q "$queue" "$@"
}

# Prints the pids of the children that run PROGRAM.
pids() { # PROGRAM
    local pid name list='' found=1
    read -r list 2>/dev/null <"/proc/$run_pid/task/$run_pid/children"
    for pid in $list; do
        name=
        read -r name 2>/dev/null <"/proc/$pid/comm"
        [[ $name == "$1" ]] || continue
        printf '%s\n' "$pid"
        found=0
    done
    return $found
}

all_run() { # PRODUCERS CONSUMERS
    (($(pids producer | wc -l) == $1 && $(pids consumer | wc -l) == $2))
}

# Works after its own death, too.
no_child_left() {
    ! pgrep -f -- "$build/(producer|consumer) --queue $queue( |\$)"
} >/dev/null

got_statistics() {
    grep -q '^producer.1 | .*produced' "$scratch/run.log" && grep -q '^consumer.2 | .*consumed' "$scratch/run.log"
}

has_attached() { # ROLE COUNT
    [[ $(queue_field "$queue" "$1") == "$2" ]]
}

check_output() { # NAME: each number is there, some perhaps twice
    check_equal "$1" "$(sha256sum <"$scratch/numbers")" "$(sort -nu "$scratch/output" | sha256sum)"
}

new_queue_and_output() {
    new_queue
    rm -f -- "$scratch/output"
}

seq 300000 >"$scratch/numbers"

# ------------------------------------------------------------------ usage

check_usage() { # NAME STATUS REGEX ARGUMENT...
    local name=$1 status=$2 regex=$3
    shift 3
    new_queue
    check_status "$name" "$status" try "$@" && check_match "$name: says why" "$regex" "$scratch/err" &&
        check "$name: no queue is made" no_queue
}
check_usage 'an unknown option' 2 'bogus' --bogus
check_usage 'a word without --' 2 'unexpected argument' word
check_usage 'a number that is none' 2 'not a number' -p many
check_usage 'two sources' 2 'only one source' --random --input "$scratch/numbers"
check_usage 'two sinks' 2 'only one sink' --discard --exec true
check_usage 'two outputs' 2 'given twice' --output "$scratch/nowhere/a" --output "$scratch/nowhere/b"
check_usage 'an input without a name' 2 '--input: empty' --input ''
check_usage 'another queue for the consumers' 2 'is for run.sh' --consumer-args '--queue other' --discard -- a
check_usage 'another queue for the producers' 2 'is for run.sh' --producer-args '-Qother' --discard -- a
check_usage 'stdin cannot be split' 2 'cannot be split' -p 2 --input -
check_usage 'a quote that is not closed' 2 'quote' --producer-args "'x"
check_usage 'a missing input' 1 'no such file' --input "$scratch/nowhere"
check_usage 'a value that the producer refuses' 2 'producer.1 \| .*--count many' --random --count many --discard
check_usage 'a value that only the producer knows' 2 'producer.1 \| .*--seed x' --producer-args '--seed x' --discard -- a
check_usage 'options that do not go together, for the producer' 2 'producer.1 \| .*--rate and --delay' --rate 1 --delay 1 \
    --random --discard
check_usage 'a value that the consumer refuses' 2 'consumer.1 \| .*--work x' --random --count 1 --work x
check_usage 'a sink that the consumer refuses' 2 'consumer.1 \| .*--exec' --exec '' -- a
check_usage 'a command that is not found' 2 'consumer.1 \| .*--pipe: awkk: command not found' --pipe awkk -- a
check_usage 'an option without its argument' 2 "--consumer-args: option '--retries' requires an argument" --consumer-args '--retries' \
    --exec true -- a
check_usage 'a text without its argument, which would swallow what follows' 2 "--consumer-args: option '--prefix' requires an argument" \
    --consumer-args '--prefix' -- a
for program in producer consumer; do
    check_usage "$program-args: another queue, shortened" 2 'is for run.sh' --$program-args '--que=other' --discard -- a
    check_usage "$program-args: another queue, behind other letters" 2 'is for run.sh' --$program-args '-vQother' --discard -- a
    check_usage "$program-args: help instead of work" 2 "run '.*$program --help'" --$program-args '-qh' --discard -- a
    check_usage "$program-args: version instead of work" 2 "run '.*$program --version'" --$program-args '--vers' --discard -- a
    check_usage "$program-args: words" 2 'is not an option' --$program-args '-- b' --discard -- a
    check_usage "$program-args: an end of options" 2 '--: is for run.sh' --$program-args '--' --discard -- a
    check_usage "$program-args: what it does not know" 2 "--$program-args: unrecognized option '--bogus'" --$program-args '--bogus' --discard -- a
done
check_usage 'producer-args: a part that all would read' 2 'is for run.sh' -p 2 --producer-args '--split 1/2' --input "$scratch/numbers" --discard
check_usage 'consumer-args: another number of producers' 2 'is for run.sh' --consumer-args '--producers 2' --discard -- a
check_usage 'consumer-args: a second sink' 2 'only one sink' --consumer-args '--pipe cat' --discard -- a
check_usage 'producer-args: a second source' 2 'only one source' --producer-args '--random' --discard -- a
check_usage 'a prefix that only the last consumer finds too long' 2 'consumer.12 \| .*--prefix: longer' -c 12 \
    --prefix "$(printf '%4083s' x)" -- a
check_usage 'options that do not go together, for the consumer' 2 'consumer.1 \| .*--retries needs --exec' --consumer-args '--retries 3' --discard -- a
check_usage 'more consumers than seats' 2 '-c 65: .*only 64 seats \(give --seats 65\)' -c 65
check_usage 'more consumers than the seats asked for' 2 '-c 3: .*only 2 seats' -c 3 --seats 2
check_usage 'more producers than lanes' 2 '-p 65: .*only 64 lanes' -p 65
check_usage 'an output in no directory' 1 'nowhere/out: cannot be written: No such' --output "$scratch/nowhere/out" -- a
check_usage 'an output that is a directory' 1 'is a directory' --output "$scratch" -- a
check_usage 'a mirror in no directory' 1 'nowhere is not a directory' --mirror "$scratch/nowhere/out.%l" -- a
check_usage 'an output that is the input' 2 'numbers: is also the input' --input "$scratch/numbers" --append \
    --output "$scratch/../${scratch##*/}/numbers"
check_usage 'a mirror of several producers that is one file' 2 'put %l into it' -p 2 --input "$scratch/numbers" \
    --mirror "$scratch/100%%l"
check_usage 'a mirror that is the input' 2 '--mirror [^ ]*/numbers: is also an input' --input "$scratch/numbers" --mirror "$scratch/numbers"
check_equal 'which is not written' "$(seq 300000 | sha256sum)" "$(sha256sum <"$scratch/numbers")"
check_usage 'an option that no program has' 2 'no-such-option' --no-such-option x --exec true -- a
echo old >"$scratch/old"
check_usage 'an output that is not empty' 2 'not empty' --input "$scratch/numbers" --output "$scratch/old"
echo old >"$scratch/old.15"
check_usage 'a mirror that is not empty' 2 'old.%l: .*/old.15 exists and is not empty' --mirror "$scratch/old.%l" -- a
check_usage 'an output that is not empty, which is named once' 2 '^run.sh: --output [^ ]*/old: exists and is not empty' \
    --output "$scratch/old" -- a
check_usage 'a mirror that is one file, which is named once' 2 '^run.sh: --mirror [^ ]*/old: exists and is not empty' \
    --mirror "$scratch/old" -- a
check_usage 'a number that is none, by its letter' 2 '-c \(--consumers\) many: not a number' -c many
check_usage 'a queue without a valid name' 2 "queue 'a/b': not a valid name" -Q a/b
check_usage 'more consumers than the one seat' 2 '-c 2: .*only 1 seat \(give --seats 2\)' -c 2 --seats 1
check_usage 'a message larger than a lane: says both and what to do' 2 \
    '--max-message 16M: larger than a lane.s capacity of 8M \(give --capacity 16M' --max-message 16M -- a
check_status 'help' 0 "$run_sh" --help
check_match 'help is on stdout' '^Usage: ' "$scratch/out"
check_match 'help: what both bridges take' '^Passed on to each bridge to or from NATS, whose' "$scratch/out"
new_queue
check_status 'an empty list of words is no demonstration' 0 try --discard --
check_match 'it sends nothing' 'produced 0 messages, consumed 0' "$scratch/err"

ln -s "$run_sh" "$scratch/link"
check_status 'through a link' 0 "$scratch/link" -Q "$queue" --discard -- a
check_status 'by another shell' 0 sh "$run_sh" -Q "$queue" -c 2 --discard -- a
check_status 'tests that there are not: exit 2' 2 "$top/scripts/test.sh" --inner no-such-test
check_match 'says so' 'no-such-test: no file' "$scratch/err"

# ------------------------------------------------------------------ demonstration and sinks

new_queue
check_status 'the demonstration ends' 0 try --delay 1ms --work 1ms
check_equal 'ten are produced' 10 "$(grep -c '^producer.1 | Produced: [0-9]*$' "$scratch/out")"
check_equal 'ten are consumed' 10 "$(grep -c '^consumer.1 | Consumed: [0-9]*$' "$scratch/out")"
check_match 'there is a summary' 'run.sh: produced 10 messages, consumed 10' "$scratch/err"
check_equal 'the queue is removed' '' "$(find /dev/shm -name "*shmq.$queue*")"
check_equal 'it leaves nothing, and makes no file of its own' '' "$(ls -A "$XDG_RUNTIME_DIR")"

if script --version >/dev/null 2>&1; then
    for name in -u\ NO_COLOR NO_COLOR=1; do
        new_queue
        script -qec "env $name '$run_sh' -Q '$queue' --count 1 --delay 0 --work 0" /dev/null >"$scratch/out" </dev/null
        tr '\033\r' 'E\n' <"$scratch/out" >"$scratch/terminal.$name"
    done
    check_match 'on a terminal, names have colours' '^E\[36mproducer.1 \|E\[0m Produced: ' "$scratch/terminal.-u NO_COLOR"
    check_match 'a consumer has another one' '^E\[96mconsumer.1 \|E\[0m consumer: consumed 1 ' "$scratch/terminal.-u NO_COLOR"
    check_match 'with NO_COLOR, they have none' '^producer.1 \| Produced: ' "$scratch/terminal.NO_COLOR=1"
    check_equal 'with NO_COLOR, nothing has' '' "$(grep E "$scratch/terminal.NO_COLOR=1")"
else
    skip 'on a terminal, names have colours' 'script is missing'
fi

new_queue
check_status 'creating options' 0 try --lanes 2 --seats 3 --capacity 64K --max-message 1K --mode 0640 --tick 20ms \
    --priority 3 --discard --keep -- a
check_equal 'creating options: reach the queue' '2 3 65536 1024 0640 20000000' "$(for field in lanes seats capacity_bytes \
    max_message_bytes mode tick_ns; do queue_field "$queue" "$field"; done | tr '\n' ' ' | sed 's/ $//')"
# One producer sends all of a file that has less than it claims.
file=/sys/kernel/mm/transparent_hugepage/enabled
if [[ -r $file && $(stat -c %s "$file") -gt $(wc -c <"$file") ]]; then
    for count in 1 2; do
        new_queue
        check_status "a file of /sys, -p $count" 0 try -p "$count" --input "$file" --output -
        check_same "a file of /sys, -p $count: all of it, once" "$file" "$scratch/out"
    done
else
    skip 'a file of /sys, -p 1' "$file is none"
fi
# --idle and --count are for each consumer: one that gets less does not make the run fail.
new_queue
check_status '--idle: a consumer that got nothing beside one that got all: exit 0' 0 try -c 2 --prefetch 1 --idle 300ms --random \
    --count 1 --follow --discard
check_status '--idle, and nothing came at all: exit 4' 4 try --idle 100ms --follow --discard --
check_match '--idle, and nothing came at all: is said' 'failed: no message arrived within --idle' "$scratch/err"
new_queue
check_status '--count of each consumer, of which one gets fewer: exit 0' 0 try --consumer-args '--count 400' --discard \
    --input <(seq 1000)
check_match '--count of each consumer: all arrived' 'produced 1000 messages, consumed 1000' "$scratch/err"
new_queue
check_status 'what the producer says of a full queue: exit 4' 4 try --on-full fail --capacity 4K --work 60s --grace 50ms \
    --discard --input "$scratch/numbers"
check_match 'what the producer says of a full queue: is the reason' 'failed: producer.1 .* status 4' "$scratch/err"
new_queue
"$consumer" -q -Q "$queue" --follow >"$scratch/back" &
other=$!
"$producer" -q -Q "$queue" --
wait_until 10 has_attached consumers 1
check_status 'a queue that somebody else uses, too' 0 try --discard -- a b c
check_match 'a queue that somebody else uses, too: is kept' 'is kept: .*in use by 0 producers and 1 consumer' "$scratch/err"
check 'a queue that somebody else uses, too: is there' test -e "/dev/shm/shmq.$queue"
kill -TERM "$other"
wait "$other"

new_queue
try -p 2 -c 3 --input "$scratch/numbers" --output - 2>"$scratch/run.log" | cat >"$scratch/back"
check_same_lines 'stdout of three consumers has whole lines and nothing else' "$scratch/numbers" "$scratch/back"
printf 'a\nb\n' | try --input - --output - -q >"$scratch/back" 2>"$scratch/run.log"
check_equal 'stdin' $'a\nb' "$(cat "$scratch/back")"
for file in /dev/stdin /dev/fd/0 /proc/self/fd/0; do
    new_queue_and_output
    check_status "a file that is stdin, as $file" 0 try -q -p 2 --input "$file" --output "$scratch/output" <"$scratch/numbers"
    check_output "a file that is stdin, as $file: all of it arrives"
done
check_status 'arguments are split as a shell does' 0 try --random --count 1 --discard --producer-args "--echo 'it is: '"
check_match 'quotes keep blanks' '^it is: [0-9]' "$scratch/out"
check_status '--prefix among --consumer-args' 0 try --consumer-args '--prefix -Qx' -- a
check_equal '--prefix among --consumer-args: has no name before it, and is no queue' -Qxa "$(<"$scratch/out")"
new_queue_and_output
check_status 'files among --producer-args and --consumer-args' 0 try --producer-args "--inp '$scratch/numbers'" --consumer-args "--out '$scratch/output'"
check_output 'files among --producer-args and --consumer-args: all arrives, and has no names before it'
new_queue
check_status 'sizes among both, shortened' 0 try --keep --producer-args '--capac 64K' --consumer-args '--seat=3' --discard -- a
check_equal 'sizes among both, shortened: are heeded' '65536 3' "$(queue_field "$queue" capacity_bytes) $(queue_field "$queue" seats)"
check_status '--echo and --prefix have names before them' 0 try --random --count 1 --echo 'out: ' --prefix 'in: '
check_match '--echo has its producer'\''s' '^producer.1 \| out: [0-9]' "$scratch/out"
check_match '--prefix has its consumer'\''s' '^consumer.1 \| in: [0-9]' "$scratch/out"
head -c 100000 /dev/urandom >"$scratch/binary"
try -q --input "$scratch/binary" --block 1000 >"$scratch/back"
check_same 'bytes have no names before them' "$scratch/binary" "$scratch/back"
try -q --exec 'tr a-z A-Z' -- a b >"$scratch/back"
check_equal 'what commands print is left as it is' AB "$(tr -d '\n' <"$scratch/back")"

# A stdout that accepts nothing: what was not written is not lost.
check_lost() { # NAME REGEX ARGUMENT...: after a run into stdout that failed; its status is in $status
    check_equal "$1: exit 1" 1 "$status"
    check_match "$1: is said" "$2" "$scratch/run.log"
    check_equal "$1: nobody tries again" '' "$(grep restarting "$scratch/run.log")"
}
new_queue
try -q --input "$scratch/numbers" >/dev/full 2>"$scratch/run.log"
status=$?
check_lost 'a full stdout' 'stdout: cannot be written: No space left'
check_match 'a full stdout: that the queue is kept is said even with -q' 'is kept, with [0-9]+ messages' "$scratch/run.log"
try -q --input "$scratch/numbers" --output - >"$scratch/back"
check_same 'a full stdout: run again, everything arrives, once' "$scratch/numbers" "$scratch/back"
new_queue
try --delay 1ms --work 1ms >/dev/full 2>"$scratch/run.log"
status=$?
check_lost 'the demonstration on a full stdout' 'cannot be written: No space left'
new_queue
try --dead-letter none --exec 'echo x' --retries 0 -- a >/dev/full 2>"$scratch/run.log"
status=$?
check_lost 'a command on a full stdout' 'I/O error|No space left'
for arguments in '-- a' '--output - -- a' '--output /dev/null --echo x -- a'; do
    new_queue
    # shellcheck disable=SC2086 # it is several words
    try $arguments >&- 2>"$scratch/run.log"
    status=$?
    check_lost "a closed stdout, $arguments" 'stdout: is closed'
    check "a closed stdout, $arguments: nothing is begun" no_queue
done
new_queue
try --discard -- a >&- 2>"$scratch/run.log"
check_equal 'a closed stdout is not missed where nothing goes there' 0 $?
new_queue
try --input "$scratch/numbers" 2>"$scratch/run.log" | head -n 1 >"$scratch/back"
status=${PIPESTATUS[0]}
check_lost 'a reader that has gone' 'its reader has ended'

# A terminal or log that accepts nothing: status output is lost, messages are not.
new_queue_and_output
try -v -c 2 --rate 300000 --input "$scratch/numbers" --output "$scratch/output" 2> >(head -n 1 >"$scratch/out")
check_equal 'nobody reads stderr any more: it goes on, to exit 0' 0 $?
check_same_lines 'nobody reads stderr any more: everything arrives' "$scratch/numbers" "$scratch/output"
check 'nobody reads stderr any more: the queue is removed' no_queue
# shellcheck disable=SC2016 # expanded by the command's shell
try --dead-letter none --exec 'kill -PIPE $$' --retries 0 -- a >"$scratch/out" 2>"$scratch/err"
check_match 'commands are ended by SIGPIPE as ever' 'killed by signal 13' "$scratch/err"
for stderr in /dev/full closed; do
    new_queue_and_output
    if [[ $stderr == closed ]]; then
        try --input "$scratch/numbers" --output "$scratch/output" 2>&-
    else
        try --input "$scratch/numbers" --output "$scratch/output" 2>"$stderr"
    fi
    check_equal "stderr is $stderr: exit 0" 0 $?
    check_same "stderr is $stderr: everything arrives" "$scratch/numbers" "$scratch/output"
done

new_queue
check_status 'a mirror' 0 try -p 3 -c 3 --input "$scratch/numbers" --mirror "$scratch/mirror.%l"
cat "$scratch/mirror."[012] | sort -n >"$scratch/back"
check_same 'a mirror: is whole' "$scratch/numbers" "$scratch/back"
# Lanes are taken as producers come.
new_queue
rm -f "$scratch"/mirror.*
run -p 3 --rate 30000 --input "$scratch/numbers" --mirror "$scratch/mirror.%l"
check 'a mirror of three producers: where each goes is said soon' \
    wait_until 5 grep -qx "run.sh: producer.3 -> $scratch/mirror.[012]" "$scratch/run.log"
check_equal 'a mirror of three producers: before all have ended' '' "$(grep 'run.sh: produced' "$scratch/run.log")"
end_status 'a mirror of three producers' 0 "$run_pid"
for number in 1 2 3; do
    sed -n "s/^run.sh: producer.$number -> //p" "$scratch/run.log" >"$scratch/said"
    check_equal "a mirror of three producers: the file of producer.$number is said twice" 2 "$(wc -l <"$scratch/said")"
    head -n 1 -- "$(head -n 1 "$scratch/said")" >>"$scratch/firsts"
done
check_equal 'a mirror of three producers: there are three parts' 3 "$(wc -l <"$scratch/firsts")"
check 'a mirror of three producers: each has its part' sort -nc "$scratch/firsts"
new_queue
check_status 'a mirror of one producer' 0 try --input "$scratch/numbers" --mirror "$scratch/single"
check_equal 'a mirror of one producer: needs no word' '' "$(grep -e '->' "$scratch/err")"
for framing in -0 '-D ;' --length-prefixed '--block 777' --whole; do
    rm -f "$scratch"/mirror.*
    printf '\0\0\0\005a\0;b\n' >"$scratch/framed"
    [[ $framing == --length-prefixed ]] || cat "$scratch/binary" >>"$scratch/framed"
    # shellcheck disable=SC2086 # it may be two words
    check_status "a mirror with $framing" 0 try $framing --input "$scratch/framed" --mirror "$scratch/mirror.%l"
    check_same "a mirror with $framing: byte for byte" "$scratch/framed" "$scratch/mirror.0"
done

# ------------------------------------------------------------------ restarts

new_queue_and_output
run -p 2 -c 3 --rate 30000 --max-restarts 1000 --input "$scratch/numbers" --output "$scratch/output"
kills=0
while ((kills < 12)); do
    mapfile -t running < <(pids producer; pids consumer)
    ((${#running[@]})) && kill -KILL "${running[RANDOM % ${#running[@]}]}" && ((kills += 1))
    sleep 0.1
    has_ended "$run_pid" && break
done 2>/dev/null
end_status 'children killed at random: run.sh says 0' 0 "$run_pid"
check_output 'every line arrived, and no other'
check_match 'deaths are reported by name, pid and status' \
    '(producer|consumer)\.[123] \(pid [0-9]+\) was killed by SIGKILL, status 137; restarting' "$scratch/run.log"

new_queue
run --random --rate 100 --count 1000 --discard
wait_until 30 pids producer >/dev/null
kill -KILL "$(pids producer)"
end_status 'a producer that cannot know where it was is not restarted: 137' 137 "$run_pid"
check_match 'and this is said' 'producer.1 .* not restarted' "$scratch/run.log"

new_queue_and_output
run -c 2 --rate 50000 --input "$scratch/numbers" --output "$scratch/output"
wait_until 10 has_attached producers 1
kill -TERM "$(pids producer)"
end_status 'a producer that somebody else ends goes on' 0 "$run_pid"
check_same_lines 'and sends everything, once' "$scratch/numbers" "$scratch/output"

another_consumer() { # PID: another consumer was started
    local pid
    pid=$(pids consumer) && [[ $pid && $pid != "$1" ]]
}
new_queue
run --rate 100 --input "$scratch/numbers" --discard --max-restarts 1
wait_until 10 pids consumer >/dev/null
first=$(pids consumer)
kill -KILL "$first"
wait_until 10 another_consumer "$first"
kill -KILL "$(pids consumer)"
end_status 'a consumer that keeps dying is given up' 137 "$run_pid"
check_match 'after as many restarts as allowed' 'not restarted: 1 restart within' "$scratch/run.log"

new_queue
run --restart never --rate 100 --input "$scratch/numbers" --discard
wait_until 10 has_attached consumers 1
kill -KILL "$(pids consumer)"
end_status '--restart never: the first death is the end' 137 "$run_pid"
check_match '--restart never: is said' 'SIGKILL, status 137; not restarted: --restart never' "$scratch/run.log"

# Other processes shut down or remove the queue.
for verb in 5:'remove --force' 3:shutdown; do
    new_queue
    run --rate 1000 --input "$scratch/numbers" --discard
    wait_until 10 has_attached consumers 1
    # shellcheck disable=SC2086 # it may be two words
    "$monitor" -q ${verb#*:} -- "$queue"
    end_status "monitor ${verb#*:}: ${verb%:*}" "${verb%:*}" "$run_pid"
done
# Other processes pause it: it says so, and waits.
new_queue_and_output
"$producer" -q -Q "$queue" --
"$monitor" -q pause "$queue"
run --input "$scratch/numbers" --output "$scratch/output"
check 'a queue that is paused: says so at once' \
    wait_until 10 grep -q "queue $queue is paused: nothing is delivered until '.*monitor resume $queue'" "$scratch/run.log"
check 'a queue that is paused: its consumer says so, too' \
    wait_until 10 grep -q '^consumer.1 | .*the queue is paused, with [1-9]' "$scratch/run.log"
check 'a queue that is paused: nothing comes' test ! -s "$scratch/output"
"$monitor" -q resume "$queue"
end_status 'a queue that is paused: resumed, it goes on to exit 0' 0 "$run_pid"
check_output 'a queue that is paused: all has come'
new_queue
run --rate 1000 --input "$scratch/numbers" --discard
wait_until 10 has_attached consumers 1
truncate -s 100 "/dev/shm/shmq.$queue"
end_status 'a queue that is damaged: 5' 5 "$run_pid"
check_match 'a queue that is damaged: that is why nothing is counted' 'cannot count messages \(.*damaged' "$scratch/run.log"

# Causes that no restart can repair.
(seq 3 && head -c 1000 /dev/zero | tr '\0' x && echo) >"$scratch/long"
new_queue
check_status 'a line that is too long ends it' 1 \
    try --input "$scratch/long" --max-message 100 --discard --max-restarts 1000000 --restart-pause 1ms:1ms
check_match 'a line that is too long: no second attempt' 'producer.1 .* failed with status 1; not restarted: it would fail again' "$scratch/err"
check_equal 'a line that is too long: is said once' 1 "$(grep -c 'longer than the queue' "$scratch/err")"
check_match 'what was before it has arrived' 'produced 3 messages, consumed 3' "$scratch/err"
# Others may be mended while it waits.
new_queue
check_status 'a disk that is full ends it' 1 try --output /dev/full --restart-pause 1ms:1ms -- a
check_match 'a disk that is full: after some attempts' 'not restarted: it failed 3 times in a row without progress' "$scratch/err"
new_queue
check_status 'a command that fails is tried as often as was said, and no more' 1 \
    try --dead-letter none --exec 'cat >>"'"$scratch/attempts"'"; exit 1' --retries 2 --backoff 1ms:2ms --restart-pause 1ms:1ms -- a
check_equal 'it is' $'aaa' "$(tr -d '\n' <"$scratch/attempts")"
check_match 'the message is kept' 'is kept, with 1 message \(' "$scratch/err"
check_match 'and nobody is told to send it again' 'run again, this command would send everything again' "$scratch/err"
new_queue
: >"$scratch/attempts"
check_status 'a command that gives up is not tried again' 1 try --dead-letter none --exec 'cat >>"'"$scratch/attempts"'"; exit 65' -- a
check_equal 'it is not' a "$(tr -d '\n' <"$scratch/attempts")"
new_queue
for command in 'exec no-such-command' 'cat >/dev/null; exit 3'; do
    new_queue
    check_status "a command of --pipe that fails, $command: exit 1" 1 try --pipe "$command" -- a
    check_match "a command of --pipe that fails, $command: it is not given more" 'consumer.1 .* not restarted' "$scratch/err"
done
# A consumer that reports at the end that its output is missing.
mkdir "$scratch/late"
ln -s "$producer" "$build/supervisor" "$scratch/late"
cat >"$scratch/late/consumer" <<'END'
#!/usr/bin/env bash
"$LATE_CONSUMER" "$@" || exit
[[ " $* " == *' --version '* ]]
END
chmod +x "$scratch/late/consumer"
new_queue_and_output
export LATE_CONSUMER=$consumer
SHMQ_BUILD_DIR=$scratch/late check_status 'a consumer that fails when all is done: exit 1' 1 \
    try --output "$scratch/output" -- a
check_match 'a consumer that fails when all is done: is said' 'may not have arrived' "$scratch/err"
as_other=(setpriv --reuid=54321 --regid=54321 --clear-groups --)
if ((EUID == 0)) && "${as_other[@]}" "$producer" -q -Q "$queue" -- a 2>/dev/null; then
    check_status 'the queue of another user: exit 1' 1 try --discard -- b
    check_match 'the queue of another user: at once' '^run.sh: queue .*belongs to another user' "$scratch/err"
else
    skip 'the queue of another user' 'needs root, setpriv, and a build that others may run'
fi
new_queue
"$producer" -q -Q "$queue" --seats 2 -- a
check_status 'fewer seats than consumers in the queue that is there' 2 try -c 3 --discard -- b
check_match 'is said' 'was created with only 2 seats' "$scratch/err"

# ------------------------------------------------------------------ signals

new_queue
run -c 2 --count 0 --delay 1ms --work 1ms
wait_until 10 all_run 1 2
wait_until 10 has_attached consumers 2
kill -USR1 "$run_pid"
check 'SIGUSR1: all say how far they are' wait_until 5 got_statistics
kill -INT -- "-$run_pid"
end_status 'Ctrl-C, to the whole group: drains and says 0' 0 "$run_pid"
check_equal 'all that was produced was consumed' "$(grep -c Produced "$scratch/out.log")" "$(grep -c Consumed "$scratch/out.log")"
check_equal 'a source without end is not cut short' '' "$(grep stopped "$scratch/run.log")"

new_queue
run --count 0 --delay 1ms --work 60s
wait_until 10 has_attached consumers 1
wait_until 10 got_lines "$scratch/out.log" 5
kill -INT "$run_pid"
wait_until 5 grep -q SIGINT "$scratch/run.log"
sleep 0.3 # two signals in less time count as one
kill -INT "$run_pid"
end_status 'a second one stops at once' 130 "$run_pid"
check 'no child is left' no_child_left

new_queue
run --count 0 --delay 1ms --work 60s --grace 300ms
wait_until 10 has_attached consumers 1
wait_until 10 got_lines "$scratch/out.log" 5
kill -STOP "$(pids consumer)"
kill -TERM "$run_pid"
end_status 'after the grace it insists' 1 "$run_pid"
check_match 'and says what is left' 'messages are left' "$scratch/run.log"
check 'no child is left behind' no_child_left

# Stops before the end of the input.
stop_early() { # ARGUMENT...
    local before
    before=$(wc -l 2>/dev/null <"$scratch/output")
    run -q --rate 30000 --input "$scratch/numbers" --output "$scratch/output" "$@"
    wait_until 20 got_lines "$scratch/output" $((${before:-0} + 1000))
    kill -TERM "$run_pid"
}
new_queue_and_output
stop_early -p 2 -c 2
end_status 'TERM before the end of the input: what was read arrives, and it says 0' 0 "$run_pid"
check_match 'that there was more is said, even with -q' \
    'stopped before the end of the input: (, |producer.. after [0-9]+ messages?){3} \(with --keep' "$scratch/run.log"
check 'the queue is removed' no_queue
new_queue_and_output
run --rate 30000 --input "$scratch/numbers" --output "$scratch/output"
wait_until 20 got_lines "$scratch/output" 1000
kill -TERM "$run_pid"
end_status 'TERM without --keep: 0' 0 "$run_pid"
check_match 'TERM without --keep: the producer says how far it came' \
    'producer.1 \| producer: stopped by a signal after [0-9]+ of [0-9]+ bytes$' "$scratch/run.log"
check_match 'TERM without --keep: the supervisor says what --keep would do' 'with --keep, the same command' "$scratch/run.log"
new_queue_and_output
stop_early --consumer-args '--grace 1ms'
end_status 'consumers that do not wait for what was stopped are no failure' 0 "$run_pid"
new_queue_and_output
for name in once twice; do
    stop_early --keep
    end_status "TERM with --keep, $name: 0" 0 "$run_pid"
    check_match "TERM with --keep, $name: what is to be done is said" 'the same command continues there' "$scratch/run.log"
    check "TERM with --keep, $name: the queue is kept" test -e "/dev/shm/shmq.$queue"
done
check_status 'the same command then goes on' 0 try --input "$scratch/numbers" --output "$scratch/output"
check_same 'exactly there' "$scratch/numbers" "$scratch/output"
# Ctrl-C while it examines the queue, before it has started anything.
if can_trace; then
    for look in 1 2 3; do
        new_queue_and_output
        stop_early --keep
        wait "$run_pid"
        strace -qq -o /dev/null -P "/dev/shm/shmq.$queue" -e "inject=fcntl:signal=INT:when=$((look * 2))" "$build/supervisor" -Q "$queue" --keep \
            --rate 30000 --input "$scratch/numbers" --output "$scratch/output" >"$scratch/out" 2>"$scratch/run.log"
        check_equal "Ctrl-C during look $look: 0" 0 $?
        check_match "Ctrl-C during look $look: is heeded" 'SIGINT: stopping' "$scratch/run.log"
        check_status "Ctrl-C during look $look: the same command goes on" 0 \
            try --input "$scratch/numbers" --output "$scratch/output"
        check_same "Ctrl-C during look $look: exactly there" "$scratch/numbers" "$scratch/output"
    done
else
    skip 'Ctrl-C during a look' 'strace cannot trace here'
fi
new_queue
run --output "$scratch/words" --delay 100ms -- a b c d e f g h i j k l
wait_until 10 got_lines "$scratch/words" 1
kill -TERM "$run_pid"
end_status 'TERM before all words are sent: 0' 0 "$run_pid"
check_match 'that there are more may be seen' 'stopped early: producer.1 after [0-9]+ messages? ' "$scratch/run.log"
mkdir "$scratch/failing"
ln -s "$consumer" "$build/supervisor" "$scratch/failing"
printf '#!/bin/sh\ncase " $* " in *" --version "*) exit 0; esac; exit 1\n' >"$scratch/failing/producer"
chmod +x "$scratch/failing/producer"
new_queue
SHMQ_BUILD_DIR=$scratch/failing run --input "$scratch/numbers" --discard --restart-pause 60s:60s
wait_until 10 grep -q 'restarting it' "$scratch/run.log"
kill -TERM "$run_pid"
end_status 'TERM while a producer fails again and again is no success' 1 "$run_pid"

# ------------------------------------------------------------------ its own death

new_queue_and_output
for round in 1 2 3; do
    run -p 2 -c 2 --rate 60000 --input "$scratch/numbers" --output "$scratch/output"
    wait_until 10 got_lines "$scratch/output" $((round * 20000))
    kill -KILL "$run_pid"
    wait "$run_pid" 2>/dev/null
    check "killed itself, round $round: its children die with it" wait_until 5 no_child_left
done
run -p 2 -c 2 --input "$scratch/numbers" --output "$scratch/output"
end_status 'run again, it takes over' 0 "$run_pid"
check_match 'and says so' 'taking over queue' "$scratch/run.log"
check_output 'nothing is lost'

# Killed at each of its system calls, from the first that concerns the queue. Once everything has arrived and the queue is
# removed, nothing is left that says so; then an old output counts as an old output.
traced() { # STRACE-OPTION...
    strace -qq -o "$scratch/trace" "$@" "$build/supervisor" -q -Q "$queue" -c 2 --input "$scratch/thousand" \
        --output "$scratch/output" >"$scratch/out" 2>"$scratch/err"
} 2>/dev/null
seq 1000 >"$scratch/thousand"
if can_trace; then
    new_queue_and_output
    traced
    check_same_lines 'traced' "$scratch/thousand" "$scratch/output"
    sed 's/(.*//' "$scratch/trace" | awk '/^[a-z]/ { print $1, ++n[$1] }' |
        tail -n +"$(grep -n "shmq.$queue" "$scratch/trace" | head -n 1 | cut -d : -f 1)" >"$scratch/calls"
    killed=0 refused=0 problems=''
    while read -r call n; do
        new_queue_and_output
        traced -e "inject=$call:signal=KILL:when=$n"
        (($? == 137)) || continue
        killed=$((killed + 1))
        wait_until 5 no_child_left || problems+=" $call/$n: children are left;"
        queue_was_there=0
        [[ -e /dev/shm/shmq.$queue ]] && queue_was_there=1
        try -c 2 --input "$scratch/thousand" --output "$scratch/output" >"$scratch/out" 2>"$scratch/err"
        status=$?
        if ((status == 2 && !queue_was_there)); then
            refused=$((refused + 1))
        elif ((status)); then
            problems+=" $call/$n: status $status;"
        fi
        [[ $(sort -nu "$scratch/output" | sha256sum) == "$(sha256sum <"$scratch/thousand")" ]] || problems+=" $call/$n: lines;"
        no_queue || problems+=" $call/$n: the queue is left;"
    done <"$scratch/calls"
    check "killed at each system call: $killed times, $refused of them when all was done" test "$killed" -ge 60
    check 'which is soon over' test "$refused" -le 25
    check_equal 'killed at each system call: the same command goes on, and nothing is lost' '' "$problems"
else
    skip 'killed at each system call' 'strace cannot trace here'
fi

# ------------------------------------------------------------------ inputs that change

kill_producers() {
    local pid
    for pid in $(pids producer); do
        kill -KILL "$pid"
    done
} 2>/dev/null

new_queue_and_output
seq 4000 >"$scratch/grows"
run -p 2 --rate 1000 --input "$scratch/grows" --output "$scratch/output"
wait_until 20 got_lines "$scratch/output" 200
kill_producers
seq 4001 4200 >>"$scratch/grows"
end_status 'killed producers of a file that grows: exit 0' 0 "$run_pid"
check_same_lines 'killed producers of a file that grows: each line once' "$scratch/grows" "$scratch/output"
check_match 'killed producers of a file that grows: that is said' 'producer.2 \| .*has grown from [0-9]+ to [0-9]+ bytes' \
    "$scratch/run.log"

new_queue_and_output
seq 4000 >"$scratch/grows"
run -p 2 --rate 1000 --input "$scratch/grows" --output "$scratch/output"
wait_until 20 got_lines "$scratch/output" 200
kill -KILL "$run_pid"
wait "$run_pid" 2>/dev/null
wait_until 10 no_child_left
seq 4001 4200 >>"$scratch/grows"
check_status 'run again with a file that has grown: exit 0' 0 try -p 2 --input "$scratch/grows" --output "$scratch/output"
check_equal 'run again with a file that has grown: nothing is missing' "$(sort -u "$scratch/grows" | sha256sum)" \
    "$(sort -u "$scratch/output" | sha256sum)"

new_queue_and_output
seq 4000 >"$scratch/grows"
run --rate 1000 --input "$scratch/grows" --output "$scratch/output"
wait_until 20 got_lines "$scratch/output" 200
seq 100000 200000 | cat >"$scratch/grows"
kill_producers
end_status 'a killed producer of a file that was rewritten: exit 1' 1 "$run_pid"
check_match 'a killed producer of a file that was rewritten: says why' \
    'producer.1 \| .*grows: is not the file that was being sent' "$scratch/run.log"
check_equal 'a killed producer of a file that was rewritten: says so once' 1 \
    "$(grep -c 'is not the file that was being sent' "$scratch/run.log")"
"$monitor" remove -q --force "$queue" 2>/dev/null

if [[ -f /proc/filesystems && ! -s /proc/filesystems ]]; then
    for count in 1 2; do
        new_queue_and_output
        check_status "a file of /proc, -p $count: exit 0" 0 try -p "$count" --input /proc/filesystems --output "$scratch/output"
        cat /proc/filesystems >"$scratch/expected"
        check_same "a file of /proc, -p $count: all of it, once" "$scratch/expected" "$scratch/output"
    done
else
    skip 'a file of /proc, -p 2: exit 0' 'there is none'
fi

# A queue with messages and an output with content that do not belong together.
check_other() { # NAME ARGUMENT...
    cp "$scratch/output" "$scratch/before"
    check_status "$1" 2 try "${@:2}"
    check_match "$1: says why" 'was not left by this command' "$scratch/err"
    check_same "$1: changes nothing" "$scratch/before" "$scratch/output"
}
new_queue_and_output
"$producer" -q -Q "$queue" -- a
echo old >"$scratch/output"
check_other 'the queue of somebody else' --output "$scratch/output" -- b
check_status 'the queue of somebody else, with --append' 1 try --append --output "$scratch/output" -- b
check_match 'the queue of somebody else, with --append: says what to do' 'holds 1 message that .* --take-over' "$scratch/err"
check_same 'the queue of somebody else, with --append: changes nothing' "$scratch/before" "$scratch/output"
check_status 'the queue of somebody else, with --append and --take-over' 0 try --append --take-over --output "$scratch/output" -- b
check_equal 'the queue of somebody else: is delivered, too' $'a\nb\nold' "$(sort "$scratch/output")"
new_queue_and_output
stop_early --keep
end_status 'a queue is left' 0 "$run_pid"
check_other 'another input' --input "$scratch/thousand" --output "$scratch/output"
check_other 'another output' --input "$scratch/numbers" --output "$scratch/before"
check_other 'another number of producers' -p 2 --input "$scratch/numbers" --output "$scratch/output"
"$monitor" remove -q --force "$queue"
"$producer" -q -Q "$queue" -- a
check_other 'another queue of the same name' --input "$scratch/numbers" --output "$scratch/output"

new_queue
"$producer" -q -Q "$queue" -- a
"$consumer" -q -Q "$queue" --discard
check_status 'a usage error: exit 2' 2 try --output "$scratch/old" -- b
check 'a usage error: a queue that was there is not removed' test -e "/dev/shm/shmq.$queue"

new_queue
run --random --rate 100 --discard
wait_until 10 has_attached producers 1
for name in second third; do
    check_status "a $name run.sh on the queue is refused" 1 try --random --count 1 --discard
    check_match 'naming the first' "another run.sh supervises queue $queue \(pid $run_pid\)" "$scratch/err"
done
kill -TERM "$run_pid"
end_status 'which is not disturbed' 0 "$run_pid"

new_queue
if unshare --pid --fork --mount-proc true 2>/dev/null; then
    unshare --pid --fork --mount-proc --kill-child "$run_sh" -Q "$queue" --count 0 --delay 1ms --work 1ms \
        >"$scratch/out.log" 2>"$scratch/run.log" &
    run_pid=$!
    wait_until 10 got_lines "$scratch/out.log" 10
    kill -TERM "$(pgrep -P "$run_pid")"
    end_status 'as process 1' 0 "$run_pid"
else
    skip 'as process 1' 'unshare is not permitted'
fi
