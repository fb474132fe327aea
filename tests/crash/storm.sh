#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# time limit: 100000 s
# Kills, stops and continues the processes of whole pipelines, the supervisor included, many times a second, and compares
# what comes out with what went in, line by line.
#
#   SHMQ_STORM=1h         how long (s, m, h; 2m)
#   SHMQ_STORM_SEED=N     repeats the same choices (but not their timing)
. "$(dirname "$0")/../support/lib.sh"

seed=${SHMQ_STORM_SEED:-$((${EPOCHREALTIME//[!0-9]/} % 32768))}
RANDOM=$seed
kills=0 stops=0 supervisor_kills=0 storms=0 repeated=0 all_cut=0
mkfifo "$scratch/never" && exec {never}<>"$scratch/never"

# Sets seconds.
parse_duration() {
    [[ $1 =~ ^([0-9]+)([smh]?)$ ]] || { not_ok "SHMQ_STORM=$1 is a duration"; exit 1; }
    seconds=${BASH_REMATCH[1]}
    case ${BASH_REMATCH[2]} in
    m) seconds=$((seconds * 60)) ;;
    h) seconds=$((seconds * 3600)) ;;
    esac
}

now_ms() {
    now=$((${EPOCHREALTIME//[!0-9]/} / 1000))
}

pause_ms() { # MILLISECONDS
    local text
    printf -v text '0.%03d' "$1"
    read -r -t "$text" -u "$never"
    return 0
}

# Sets random to a number from MIN to MAX.
choose() { # MIN MAX
    random=$(($1 + (RANDOM * 32768 + RANDOM) % ($2 - $1 + 1)))
}

# Makes lines that all differ: a number, then as many characters as the storm has chosen.
make_input() { # FILE LINES MIN MAX
    awk -v lines="$2" -v min="$3" -v max="$4" -v seed="$RANDOM" 'BEGIN {
        srand(seed)
        for (text = ""; length(text) < max; ) text = text sprintf("%d.%d,", rand() * 1e9, rand() * 1e9)
        for (i = 1; i <= lines; i++)
            print i ":" substr(text, 1 + rand() * 500, min + int(rand() ^ 4 * (max - min)))
    }' >"$1"
}

# Sets children to the pids of the producers and consumers that run.
find_children() {
    local pid name list=''
    children=()
    read -r list 2>/dev/null <"/proc/$supervisor/task/$supervisor/children"
    for pid in $list; do
        name=''
        read -r name 2>/dev/null <"/proc/$pid/comm"
        [[ $name == producer || $name == consumer ]] && children+=("$pid")
    done
}

start_supervisor() {
    "$run_sh" -Q "$queue" "${command[@]}" >>"$scratch/run.log" 2>&1 </dev/null &
    supervisor=$!
}

continue_stopped() { # all|due
    local pid
    now_ms
    for pid in "${!stopped[@]}"; do
        [[ $1 == all ]] || ((stopped[$pid] <= now)) || continue
        kill -CONT "$pid" 2>/dev/null
        unset "stopped[$pid]"
    done
}

stop_for_a_while() { # PID
    choose 10 400
    kill -STOP "$1" 2>/dev/null || return
    now_ms
    stopped[$1]=$((now + random))
    stops=$((stops + 1))
}

struck() {
    echo $((kills - kills_before + supervisor_kills - supervisor_kills_before))
}

# Whether the storm is over: the time has passed, or enough processes were killed.
is_over() { # UNTIL-MS
    if ((least_kills)); then
        (($(struck) >= least_kills))
    else
        ((now >= $1))
    fi
}

# The input had to outlast the storm; the rest of it need not be sent.
end_slowness() {
    ((least_kills)) || return
    kill -KILL "$supervisor" && wait "$supervisor"
    command+=(--rate 1000000)
    start_supervisor
}

# Does one thing to one of the processes.
strike() {
    local victim
    find_children
    choose 0 99
    if ((random < 4)); then
        kill -KILL "$supervisor" 2>/dev/null && supervisor_kills=$((supervisor_kills + 1))
    elif ((random < 7)); then
        stop_for_a_while "$supervisor"
    elif ((${#children[@]} > 0)); then
        victim=${children[RANDOM % ${#children[@]}]}
        if ((random < 25)); then
            stop_for_a_while "$victim"
        else
            kill -KILL "$victim" 2>/dev/null && kills=$((kills + 1))
        fi
    fi
}

# Waits for the supervisor to end by itself and sets status; fails if that takes more than a minute of peace.
ride_out() { # UNTIL-MS
    local -A stopped=()
    local -a children=()
    local peace_ms=0
    start_supervisor
    while :; do
        now_ms
        if has_ended "$supervisor"; then
            wait "$supervisor"
            status=$?
            ((status == 137)) || break
            start_supervisor
        fi
        if ! is_over "$1"; then
            strike
            continue_stopped due
            choose 2 $((least_kills ? 12 : 40))
            pause_ms "$random"
        else
            ((peace_ms)) || { peace_ms=$now; end_slowness; }
            ((now - peace_ms < 60000)) || { status=timeout; kill -KILL "$supervisor"; wait "$supervisor"; break; }
            continue_stopped all
            pause_ms 20
        fi
    done 2>/dev/null
}

check_parts() { # NAME PRODUCERS
    local part parts=()
    for ((part = 1; part <= $2; part++)); do
        timeout 60 "$producer" -Q "$queue.part" --max-message 200000 --capacity 128M --lanes 1 --seats 1 \
            --input "$scratch/input" --split "$part/$2" --quiet &&
            timeout 60 "$consumer" -Q "$queue.part" --quiet >"$scratch/part.$part" || return 1
        timeout 10 "$monitor" remove --force -- "$queue.part" 2>/dev/null
    done
    # Any part may be in any lane.
    for ((part = 1; part <= $2; part++)); do
        for out in "$scratch"/out.*; do
            cmp -s -- "$scratch/part.$part" "$out" && parts+=("$out") && break
        done
    done
    (($(printf '%s\n' "${parts[@]}" | sort -u | wc -l) == $2))
}

describe() {
    printf -v name 'storm %d of seed %d: %s, %d kills (%d of the supervisor), %d stops' "$storms" "$seed" "$title" \
        $((kills - kills_before)) $((supervisor_kills - supervisor_kills_before)) $((stops - stops_before))
}

# Checks that everything that went in came out whole. Sets twice to the number of lines that came more than once, and cut
# to the number of partial lines that killed consumers left: when every consumer is killed, nobody may be able to tell
# whose the end of the file is.
check_lines() { # FILE
    LC_ALL=C sort -- "$1" >"$scratch/sorted"
    LC_ALL=C sort -- "$scratch/input" >"$scratch/expected"
    uniq "$scratch/sorted" >"$scratch/once"
    LC_ALL=C comm -13 "$scratch/expected" "$scratch/once" >"$scratch/cut"
    cut=$(wc -l <"$scratch/cut")
    twice=$(($(wc -l <"$scratch/sorted") - $(wc -l <"$scratch/input") - cut))
    LC_ALL=C comm -23 "$scratch/expected" "$scratch/once" >"$scratch/missing"
    # Each partial line is the beginning of a line.
    ((cut == 0)) || awk 'NR == FNR { cut[$0]; next } { for (c in cut) if (index($0, c) == 1) delete cut[c] }
        END { for (c in cut) print "not a line, nor the beginning of one: " substr(c, 1, 60) }' \
        "$scratch/cut" "$scratch/input" >>"$scratch/missing"
    [[ -s $scratch/missing ]] || return 0
    head -n 5 "$scratch/missing" | cut -c 1-100 >>"$scratch/run.log"
    return 1
}

# A supervisor that was killed after all had arrived finds no queue to take over, and leaves the output untouched.
was_complete() {
    [[ $status == 2 ]] && tail -n 2 "$scratch/run.log" | grep -q 'exists and is not empty'
}

judge() { # SINK PRODUCERS
    local good=0 twice=0 cut=0 name
    describe
    was_complete && status=0
    if [[ $status != 0 ]]; then
        not_ok "$name" "run.sh ended with $status" "$scratch/run.log"
        return
    fi
    case $1 in
    --mirror)
        if (($2 == 1)); then
            cmp "$scratch/input" "$scratch"/out.* >>"$scratch/run.log" 2>&1 && good=1
        else
            check_parts "$name" "$2" && good=1
        fi ;;
    --output)
        check_lines "$scratch/out" && good=1
        repeated=$((repeated + twice)) all_cut=$((all_cut + cut))
        name+=", $twice lines twice, $cut cut off first" ;;
    esac
    if ((good && $(struck) < least_kills)); then
        not_ok "$name" "it was over before $least_kills were killed" "$scratch/run.log"
    elif ((good)); then
        ok "$name"
    else
        not_ok "$name" "what came out is not what went in" "$scratch/run.log"
        [[ ${SHMQ_STORM_KEEP:-} ]] && cp -r "$scratch" "$SHMQ_STORM_KEEP"
    fi
    compgen -G "/dev/shm/*shmq.$queue*" >/dev/null && not_ok "$name leaves nothing behind" "$(ls /dev/shm)"
    return 0
}

# With KILLS, the storm lasts until so many processes were killed; SECONDS is twice the time that the input must last.
storm() { # SINK PRODUCERS CONSUMERS SECONDS [KILLS]
    local sink=$1 producers=$2 consumers=$3 lines min max mean rate capacity capacities=(512K 1M 8M) command title
    local least_kills=${5:-0}
    local kills_before=$kills supervisor_kills_before=$supervisor_kills stops_before=$stops
    storms=$((storms + 1))
    new_queue
    choose 200 2000 && min=$random
    # Small enough for the 64 MB of Docker's /dev/shm.
    choose "$min" $((least_kills ? 10000 : 100000)) && max=$random
    choose 300 3000 && rate=$random
    capacity=${capacities[RANDOM % ${#capacities[@]}]}
    # Enough lines to outlast the storm, but no more than 64 MB.
    mean=$((min + (max - min) / 5))
    lines=$((rate * producers * $4 / 2))
    ((lines * mean < 64000000)) || lines=$((64000000 / mean))
    rate=$((lines * 2 / (producers * $4) + 1))
    title="-p $producers -c $consumers $sink, $lines lines of $min to $max bytes, $rate/s, $capacity"
    rm -f -- "$scratch"/out* "$scratch"/part.* "$scratch/run.log"
    make_input "$scratch/input" "$lines" "$min" "$max"
    command=(-p "$producers" -c "$consumers" --input "$scratch/input" --rate "$rate" --capacity "$capacity"
        --max-message 110000 --max-restarts 1000000 --restart-pause 10ms:50ms --grace 30s)
    [[ $sink == --mirror ]] && command+=(--mirror "$scratch/out.%l") || command+=(--output "$scratch/out")
    now_ms
    ride_out $((now + $4 * 1000))
    judge "$sink" "$producers"
}

storm_at_random() {
    local sinks=(--mirror --output) sink producers consumers
    sink=${sinks[RANDOM % 2]}
    choose 1 4 && producers=$random
    choose 1 6 && consumers=$random
    storm "$sink" "$producers" "$consumers" 12
}

parse_duration "${SHMQ_STORM:-2m}"
now_ms
end_ms=$((now + seconds * 1000))
# These two always run; the seed chooses the rest.
storm --mirror 3 4 300 1000
storm --mirror 1 4 300 1000
now_ms
while ((now < end_ms - 12000 && failed == 0)); do
    storm_at_random
    now_ms
done
printf '# %d storms of seed %d: %d kills of producers and consumers, %d of the supervisor, %d stops, %d lines twice, %d cut off first\n' \
    "$storms" "$seed" "$kills" "$supervisor_kills" "$stops" "$repeated" "$all_cut"
((failed == 0))
