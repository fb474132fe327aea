# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # its variables are shared with bench.sh
# Sourced by bench.sh: a single measurement and the rounds of each load. Writes results to results.csv, one value per
# line, and failures to problems.csv.

best_line_ns=''
tries=3
stays_far=0 # the last measurement's tries were all made while the processors were far apart: the next has one

# Records a value. LINE_NS is the round-trip time of a cache line between the processors; empty if not measured.
record() { # LOAD CONTENDER PARAMETER METRIC VALUE [LINE_NS]
    printf '%s,%d,%s,%s,%s,%s,%s\n' "$1" "$round" "$2" "$3" "$4" "$5" "${6:-}" >>"$results/results.csv"
}

problem() { # LOAD CONTENDER PARAMETER FAILED|cannot|missing REASON
    printf '%s,%d,%s,%s,%s,"%s"\n' "$1" "$round" "$2" "$3" "$4" "${5//\"/\'}" >>"$results/problems.csv"
    if [[ $4 == FAILED ]]; then
        printf 'bench.sh: FAILED: %s, %s, %s: %s\n' "$2" "$1" "$3" "$5" >&2
    elif ! grep -qxF "$1,$2,$4,$5" "$scratch/told" 2>/dev/null; then
        printf '%s\n' "$1,$2,$4,$5" >>"$scratch/told"
        printf 'bench.sh: left out: %s, %s, %s: %s\n' "$2" "$1" "$3" "$5" >&2
    fi
}

# Whether a number is not more than a factor times another.
within() { # NUMBER FACTOR OF
    awk -v a="$1" -v f="$2" -v b="$3" 'BEGIN { exit !(a <= f * b) }'
}

# Runs a command, with a realtime priority and a pause after it if requested.
run() { # COMMAND...
    if ((realtime)) && ! has_threads "$1"; then
        sleep "$seconds"
        timeout --kill-after=5 30 chrt -f 10 "$@"
    else
        timeout --kill-after=5 90 "$@"
    fi
}

# Threads that spin while waiting for each other would never end with such a priority, and would block the machine.
has_threads() { # PROGRAM
    case ${1##*/} in zeromq | nng | redis | python3) return 0 ;; esac
    return 1
}

# Sets `line` to the program's output. Repeats the measurement if the processors were slower for each other than they can
# be, or if it was disturbed; the best attempt counts. Returns 1 if there is nothing to record.
line_of() { # LOAD CONTENDER PARAMETER COMMAND...
    local load=$1 name=$2 parameter=$3 try status said line_ns best='' best_ns='' near=0
    shift 3
    for ((try = 1; try <= (stays_far ? 1 : tries); try++)); do
        said=$(run "$@" 2>"$scratch/stderr")
        status=$?
        if ((status == 77)); then
            problem "$load" "$name" "$parameter" cannot "$(sed -n 's/.*cannot: //p' "$scratch/stderr" | tail -n 1)"
            return 1
        elif ((status != 0)) || [[ ! $said ]]; then
            problem "$load" "$name" "$parameter" FAILED "$(tail -n 1 "$scratch/stderr") (status $status)"
            return 1
        fi
        line_ns=${said##*,}
        if [[ ! $best ]] || within "$line_ns" 1 "$best_ns"; then
            best=$said best_ns=$line_ns
        fi
        [[ $line_ns != 0 ]] || break
        if is_near "$line_ns"; then
            near=1
            break
        fi
    done
    [[ $best_ns == 0 ]] || stays_far=$((!near))
    line=$best
}

is_near() { # LINE_NS
    [[ $best_line_ns ]] && within "$best_line_ns" 1 "$1" || best_line_ns=$1
    within "$1" 1.6 "$best_line_ns"
}

# Measures the best round-trip time of a cache line between the two processors, to detect when they are slower.
find_best_line() {
    local i said
    [[ ! $(why_missing raw) ]] || return 0
    for ((i = 0; i < 10; i++)); do
        said=$(run "$build/bench/raw" --seconds 0.02 --cpus "$cpus" 2>/dev/null) || continue
        [[ ${said##*,} == 0 ]] || is_near "${said##*,}"
    done
    printf 'bench.sh: a cache line goes to the other processor and back in %s ns\n' "${best_line_ns:-?}" >&2
}

# ------------------------------------------------------------------ loads between two processes

measure_stream() { # LOAD CONTENDER PARAMETER OPTION...
    local load=$1 name=$2 parameter=$3 values
    shift 3
    local -a command
    command_of "$name"
    line_of "$load" "$name" "$parameter" "${command[@]}" --seconds "$seconds" --cpus "$cpus" "$@" || return 0
    IFS=, read -r -a values <<<"$line"
    record "$load" "$name" "$parameter" messages_per_s "${values[4]}" "${values[8]}"
    record "$load" "$name" "$parameter" sleeps_per_million \
        "$(awk -v s=$((values[6] + values[7])) -v m="${values[2]}" 'BEGIN { print s / m * 1e6 }')" "${values[8]}"
}

round_of_throughput() {
    local size name
    for size in "${sizes[@]}"; do
        for name in "${present[@]}"; do
            [[ $name == line ]] || measure_stream throughput "$name" "$size" --size "$size"
        done
    done
}

# The smallest ring of a queue is one page, which eight messages of 512 bytes fill.
round_of_room() {
    local name
    for name in "${present[@]}"; do
        [[ $name == line ]] || measure_stream room "$name" 8 --room 8 --size 512
    done
}

measure_round_trip() { # CONTENDER busy|pause
    local name=$1 parameter=$2 pause=0 values metric time=$round_trip_seconds
    local -a command
    [[ $parameter == busy ]] || { pause=1000; time=$pause_seconds; }
    command_of "$name"
    line_of round-trip "$name" "$parameter" "${command[@]}" --load round-trip --pause "$pause" --seconds "$time" \
        --cpus "$cpus" --histogram "$scratch/histogram" || return 0
    IFS=, read -r -a values <<<"$line"
    local index=4
    for metric in p50_ns p90_ns p99_ns p99.9_ns p99.99_ns most_ns; do
        record round-trip "$name" "$parameter" "$metric" "${values[index++]}" "${values[10]}"
    done
    sed "s/^/$name,$parameter,$round,/" "$scratch/histogram" >>"$results/histograms.csv"
}

round_of_round_trip() {
    local name parameter
    for parameter in busy pause; do
        for name in "${present[@]}"; do
            [[ $name == memcpy ]] || measure_round_trip "$name" "$parameter"
        done
    done
}

# ------------------------------------------------------------------ many processes

# Never with a realtime priority: spinning processes would not let the others run.
round_of_contention() {
    local shape name values line
    local -a command
    local realtime=0
    for shape in "${shapes[@]}"; do
        for name in "${present[@]}"; do
            case $name in raw* | line | memcpy | libqb) continue ;; esac
            command_of "$name"
            # No line time: the system places the processes.
            tries=1 line_of contention "$name" "$shape" "${command[@]}" --load many --shape "$shape" \
                --seconds "$(awk -v s="$seconds" 'BEGIN { print s < 0.1 ? 0.1 : s }')" || continue
            IFS=, read -r -a values <<<"$line"
            record contention "$name" "$shape" messages_per_s "${values[6]}"
        done
    done
}

# ------------------------------------------------------------------ further measurements of shmq

# Records the columns of a CSV with a header line; the first column is the parameter.
record_table() { # LOAD TEXT
    local names values index text
    {
        IFS=, read -r -a names
        while IFS=, read -r -a values; do
            for ((index = 1; index < ${#names[@]}; index++)); do
                record "$1" shmq "${values[0]}" "${names[index]}" "${values[index]}"
            done
        done
    } <<<"$2"
}

measure_table() { # LOAD COMMAND...
    local load=$1 text
    shift
    if text=$(timeout --kill-after=5 300 "$@" 2>"$scratch/stderr"); then
        record_table "$load" "$text"
    else
        problem "$load" shmq '' FAILED "$(tail -n 1 "$scratch/stderr")"
    fi
}

round_of_idle() {
    local count
    for count in "${idle_consumers[@]}"; do
        measure_table idle "$build/bench/idle" "$count" "$idle_seconds"
    done
}

round_of_redelivery() {
    local number times=()
    measure_table redelivery "$build/bench/redelivery" "$deaths"
    for ((number = 0; number < supervised_deaths; number++)); do
        time_supervised_death && times+=("$elapsed_ms")
    done
    if ((${#times[@]} == supervised_deaths)); then
        mapfile -t times < <(printf '%s\n' "${times[@]}" | sort -g)
        record redelivery shmq 'a command under run.sh' deaths "${#times[@]}"
        record redelivery shmq 'a command under run.sh' median_ms "${times[${#times[@]} / 2]}"
        record redelivery shmq 'a command under run.sh' min_ms "${times[0]}"
        record redelivery shmq 'a command under run.sh' max_ms "${times[-1]}"
    else
        problem redelivery shmq 'a command under run.sh' FAILED "$(tail -n 1 "$scratch/stderr")"
    fi
    measure_table attach "$build/bench/attach" "$attaches"
}

# The first command records its consumer and sleeps; the second one records the time. That time includes the start of a
# shell and of date.
write_command() { # FILE
    cat >"$1" <<'END'
if [ "$SHMQ_REDELIVERED" = 1 ]; then
    date +%s%N >"$0.again"
else
    echo "$PPID $$" >"$0.first.new" && mv "$0.first.new" "$0.first"
    exec sleep 20
fi
END
}

# Waits for a file, at most 20 s.
await_file() { # FILE
    local tries
    for ((tries = 0; tries < 20000; tries++)); do
        [[ ! -s $1 ]] || return 0
        sleep 0.001
    done
    return 1
}

# Starts two consumers with run.sh and kills the one that has the message. Sets `elapsed_ms` to the time until the other
# consumer's command runs; this includes the minimum backoff.
time_supervised_death() {
    local file=$scratch/death supervisor consumer command_pid killed_us again_ns status=1
    rm -f "$file" "$file".*
    write_command "$file"
    SHMQ_BUILD_DIR=$build "$top/scripts/run.sh" -q -Q "bench.$$.death" -c 2 --backoff 1ms:1s \
        --exec "sh '$file'" -- message 2>"$scratch/stderr" >/dev/null &
    supervisor=$!
    if await_file "$file.first" && read -r consumer command_pid <"$file.first"; then
        # The other consumer sleeps on the empty queue. The kill falls at a random moment of its tick.
        sleep "0.2$((RANDOM % 100))"
        killed_us=${EPOCHREALTIME//[!0-9]/}
        kill -KILL "$consumer"
        if await_file "$file.again"; then
            again_ns=$(<"$file.again")
            elapsed_ms=$(awk -v ns="$again_ns" -v us="$killed_us" 'BEGIN { printf "%.2f", (ns / 1000 - us) / 1000 }')
            status=0
        fi
        kill -KILL "$command_pid" 2>/dev/null
    fi
    # After a failure, ends run.sh; otherwise it ends by itself.
    ((status == 0)) || kill -TERM "$supervisor" 2>/dev/null
    wait "$supervisor" || status=1
    return "$status"
}

# Measures the cost of a message by the number of lanes (one busy), the number of seats and the capacity.
round_of_scale() {
    local name value
    for name in shmq_single shmq_batch; do
        for value in "${scale_lanes[@]}"; do
            measure_stream lanes "$name" "$value" --lanes "$value"
        done
        for value in "${scale_seats[@]}"; do
            measure_stream seats "$name" "$value" --seats "$value"
        done
    done
    for name in raw_tuned shmq_single shmq_batch; do
        [[ " ${present[*]} " == *" $name "* ]] || continue
        for value in "${scale_capacities[@]}"; do
            measure_stream capacity "$name" "$value" --capacity "$value"
        done
    done
}
