# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # its variables are shared with bench.sh
# Sourced by bench.sh: compares the programs with others, in pipelines and as runners of commands.

queue_count=0

# Sets `elapsed` to the time that a command takes, in seconds. Returns its status.
time_of() { # COMMAND...
    local start=${EPOCHREALTIME//[!0-9]/} status
    "$@"
    status=$?
    elapsed=$(awk -v us=$((${EPOCHREALTIME//[!0-9]/} - start)) 'BEGIN { printf "%.6f", us / 1e6 }')
    return "$status"
}

# ------------------------------------------------------------------ input

# Prints distinct lines of the given size in bytes, newline included.
make_lines() { # BYTES FILE
    awk -v size="$1" -v total="$program_bytes" 'BEGIN {
        filler = sprintf("%1100s", ""); gsub(/ /, "the quick brown fox ", filler)
        for (i = 0; i < total / size; i++) print substr(sprintf("%010d ", i) filler, 1, size - 1)
    }' >"$2"
}

# Prints real text: this project's files, repeated.
make_text() { # FILE
    local once=$scratch/once
    cat "$top"/common/*.[ch] "$top"/docs/*.md "$top"/README.md "$top"/scripts/*.sh >"$once"
    while (($(stat -c %s "$once") < program_bytes)); do
        cat "$once" "$once" >"$once.twice" && mv "$once.twice" "$once"
    done
    head -c "$program_bytes" "$once" | sed '$d' >"$1"
    rm -f "$once"
}

# Reads the file once beforehand, so that the measurement does not depend on the disk.
make_inputs() {
    local size
    [[ ! -d $scratch/input ]] || return 0
    mkdir "$scratch/input" || exit 1
    for size in 20 100 1000; do
        make_lines "$size" "$scratch/input/lines-$size"
    done
    make_text "$scratch/input/text"
    ln "$scratch/input/lines-1000" "$scratch/input/blocks-64K"
    cat "$scratch/input/"* >/dev/null
}

# ------------------------------------------------------------------ pipelines

shmq_pipeline() { # KIND FILE OUTPUT
    local queue=bench.$$.$((++queue_count)) framing=() plain=() producer consumer failed=0
    [[ $1 != blocks-* ]] || { framing=(--block "${1#blocks-}"); plain=(--raw); }
    "$build/producer" -q -Q "$queue" --input "$2" "${framing[@]}" &
    producer=$!
    "$build/consumer" -q -Q "$queue" "${plain[@]}" >"$3" &
    consumer=$!
    wait "$producer" || failed=1
    wait "$consumer" || failed=1
    "$build/monitor" -q remove --force "$queue" >/dev/null 2>&1
    return "$failed"
}

cat_pipeline() {
    # shellcheck disable=SC2002 # it is what is measured
    cat "$2" | cat >"$3"
}

pv_pipeline() {
    pv -q "$2" | cat >"$3"
}

mbuffer_pipeline() {
    mbuffer -q -i "$2" | cat >"$3"
}

pipeline_of() { # NAME KIND FILE OUTPUT
    case $1 in
    shmq) shmq_pipeline "${@:2}" ;;
    cat) cat_pipeline "${@:2}" ;;
    pv) pv_pipeline "${@:2}" ;;
    mbuffer) mbuffer_pipeline "${@:2}" ;;
    esac 2>"$scratch/stderr"
}

# Compares a pipeline's output with its input, before it is timed for the first time.
check_pipeline() { # NAME KIND FILE
    pipeline_of "$1" "$2" "$3" "$scratch/copy" && cmp -s "$3" "$scratch/copy"
    local status=$?
    rm -f "$scratch/copy"
    return "$status"
}

round_of_programs() {
    local kind file name why bytes lines
    make_inputs
    for kind in lines-20 lines-100 lines-1000 text blocks-64K; do
        file=$scratch/input/$kind
        bytes=$(stat -c %s "$file")
        lines=$(wc -l <"$file")
        for name in shmq cat pv mbuffer; do
            why=$(why_program_missing "$name")
            if [[ $why ]]; then
                problem programs "$name" "$kind" missing "$why"
            elif ((round == 1)) && ! check_pipeline "$name" "$kind" "$file"; then
                problem programs "$name" "$kind" FAILED \
                    "what came out is not what went in: $(tail -n 1 "$scratch/stderr")"
            elif time_of pipeline_of "$name" "$kind" "$file" /dev/null; then
                record programs "$name" "$kind" bytes_per_s "$(awk "BEGIN { print $bytes / $elapsed }")"
                [[ $kind == blocks-* ]] ||
                    record programs "$name" "$kind" lines_per_s "$(awk "BEGIN { print $lines / $elapsed }")"
            else
                problem programs "$name" "$kind" FAILED "$(tail -n 1 "$scratch/stderr")"
            fi
        done
    done
}

# ------------------------------------------------------------------ commands

# Puts all jobs into the queue before the consumers start.
fill_queue() { # QUEUE JOBS
    seq "$2" | "$build/producer" -q -Q "$1"
}

consume_jobs() { # QUEUE PROCESSES COMMAND
    local pid pids=() failed=0
    for ((pid = 0; pid < $2; pid++)); do
        "$build/consumer" -q -Q "$1" --exec "$3" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || failed=1
    done
    return "$failed"
}

xargs_jobs() { # JOBS PROCESSES
    seq "$1" | xargs -P "$2" -n 1 true
}

xargs_shell_jobs() {
    seq "$1" | xargs -P "$2" -n 1 sh -c true
}

parallel_jobs() {
    seq "$1" | parallel --will-cite -j "$2" true
}

# Sets `elapsed` to the time that the jobs take, in seconds.
time_jobs() { # NAME JOBS PROCESSES
    local queue=bench.$$.$((++queue_count)) status
    case $1 in
    consumer)
        fill_queue "$queue" "$2" && time_of consume_jobs "$queue" "$3" true
        status=$?
        "$build/monitor" -q remove --force "$queue" >/dev/null 2>&1
        return "$status" ;;
    xargs) time_of xargs_jobs "$2" "$3" ;;
    xargs_shell) time_of xargs_shell_jobs "$2" "$3" ;;
    parallel) time_of parallel_jobs "$2" "$3" ;;
    esac 2>"$scratch/stderr"
}

# Checks that each job ran exactly once.
check_jobs() {
    local queue=bench.$$.$((++queue_count)) status=1
    rm -f "$scratch/done"
    fill_queue "$queue" 100 && consume_jobs "$queue" 2 "read -r job; echo \"\$job\" >>'$scratch/done'" &&
        cmp -s <(seq 100) <(sort -n "$scratch/done")
    status=$?
    "$build/monitor" -q remove --force "$queue" >/dev/null 2>&1
    return "$status"
}

round_of_jobs() {
    local name processes why jobs elapsed
    if ((round == 1)) && ! check_jobs; then
        problem jobs consumer '' FAILED "not every job was done once: $(tail -n 1 "$scratch/stderr")"
        return
    fi
    for processes in "${job_processes[@]}"; do
        for name in consumer xargs xargs_shell parallel; do
            why=$(why_program_missing "$name")
            if [[ $why ]]; then
                problem jobs "$name" "$processes" missing "$why"
                continue
            fi
            # parallel takes about ten times as long per job.
            jobs=$job_count
            [[ $name != parallel ]] || jobs=$((job_count / 8 + 1))
            if time_jobs "$name" "$jobs" "$processes"; then
                record jobs "$name" "$processes" jobs_per_s "$(awk "BEGIN { print $jobs / $elapsed }")"
            else
                problem jobs "$name" "$processes" FAILED "$(tail -n 1 "$scratch/stderr")"
            fi
        done
    done
}

# ------------------------------------------------------------------ output of commands

readonly printed_line='abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz'

consume_output() { # QUEUE OPTION FILE
    "$build/consumer" -q -Q "$1" --jobs 4 "$2" -- cat "$scratch/printed" >>"$3"
}

parallel_output() { # OPTION FILE
    seq 8 | parallel --will-cite -j 4 "$1" "cat '$scratch/printed'; : {}" >>"$2"
}

# Sets `elapsed` to the time that the commands take which print.
time_output() { # NAME FILE
    local queue=bench.$$.$((++queue_count)) option=--${1//_/-} status
    rm -f "$2"
    case $1 in
    parallel_*) time_of parallel_output "--${option#--parallel-}" "$2" ;;
    *)
        fill_queue "$queue" 8 && time_of consume_output "$queue" "$option" "$2"
        status=$?
        "$build/monitor" -q remove --force "$queue" >/dev/null 2>&1
        return "$status" ;;
    esac 2>"$scratch/stderr"
}

round_of_output() {
    local name why elapsed file=$scratch/output bytes=$((8 * printed_bytes))
    yes "$printed_line" | head -c "$printed_bytes" | sed '$d' >"$scratch/printed"
    for name in ungroup grouped line_buffer parallel_ungroup parallel_group parallel_line_buffer; do
        why=$(why_program_missing "$name")
        if [[ $why ]]; then
            problem output "$name" "$printed_bytes" missing "$why"
        elif ! time_output "$name" "$file"; then
            problem output "$name" "$printed_bytes" FAILED "$(tail -n 1 "$scratch/stderr")"
        elif (($(stat -c %s "$file") != 8 * $(stat -c %s "$scratch/printed"))); then
            problem output "$name" "$printed_bytes" FAILED 'not all that was printed came out'
        else
            record output "$name" "$printed_bytes" bytes_per_s "$(awk "BEGIN { print $bytes / $elapsed }")"
            record output "$name" "$printed_bytes" broken_lines "$(grep -Fxvc "$printed_line" "$file")"
        fi
    done
    rm -f "$file"
}

# ------------------------------------------------------------------ bridges to NATS

round_of_bridge() {
    local why bytes servers load name rate reason
    why=$(why_program_missing bridge_out)
    [[ -x $build/bench/nats_out && -x $build/tests/tool_nats ]] || why='a library is missing (Debian package libnats-dev)'
    if [[ $why ]]; then
        problem bridge-out bridge_out '' missing "$why"
        return
    fi
    for bytes in 100 1024; do
        for servers in 1 3; do
            while read -r load name rate reason; do
                if [[ $rate == FAILED ]]; then
                    problem "$load" "$name" "${bytes}x$servers" FAILED "$reason"
                else
                    record "$load" "$name" "${bytes}x$servers" messages_per_s "$rate"
                fi
            done < <(SHMQ_BUILD_DIR=$build bash "$bench/support/bridge.sh" "$servers" "$bridge_count" "$bytes" "$round")
        done
    done
}

# ------------------------------------------------------------------ forwarding

# Forwards a queue to others, each with a reader, and waits for all. What a reader has to wait for comes from its second
# producer, so that it can begin before the forwarder has a lane.
forward_to() { # QUEUE DESTINATION...
    local queue=$1 to pids=() failed=0
    shift
    for to; do
        "${priority[@]}" "$build/consumer" -q -Q "$to" --producers 2 --discard &
        pids+=($!)
    done
    time_of "${priority[@]}" "$build/consumer" -q -Q "$queue" --forward "$(IFS=,; printf '%s' "$*")" || failed=1
    for to in "${pids[@]}"; do
        wait "$to" || failed=1
    done
    return "$failed"
}

read_queue() { # QUEUE
    "${priority[@]}" "$build/consumer" -q -Q "$1" >/dev/null
}

# Sets `elapsed` to the time until all messages are read, or forwarded.
time_forward() { # NAME FILE
    local queue=bench.$$.$((++queue_count)) to=() status=1
    case $1 in
    forward) to=("bench.$$.$((++queue_count))") ;;
    forward_2) to=("bench.$$.$((++queue_count))" "bench.$$.$((++queue_count))") ;;
    esac
    "$build/producer" -q -Q "$queue" --capacity 128M --input "$2" &&
        for name in "${to[@]}"; do "$build/producer" -q -Q "$name" -- first || return; done &&
        if ((${#to[@]})); then forward_to "$queue" "${to[@]}"; else time_of read_queue "$queue"; fi
    status=$?
    for name in "$queue" "${to[@]}"; do
        "$build/monitor" -q remove --force "$name" >/dev/null 2>&1
    done
    return "$status"
}

round_of_forward() {
    local contender elapsed name size file=$scratch/forwarded priority=()
    ((!realtime)) || priority=(chrt -f 10)
    for size in 64 1024; do
        # A line is a message of so many bytes.
        awk -v size="$size" -v count="$((size > 64 ? forwarded / 16 : forwarded))" 'BEGIN {
            filler = sprintf("%1024s", "")
            for (i = 0; i < count; i++) print substr(sprintf("%010d ", i) filler, 1, size)
        }' >"$file"
        for contender in read forward forward_2; do
            if time_forward "$contender" "$file" 2>"$scratch/stderr"; then
                record forward "$contender" "$size" messages_per_s "$(awk -v n="$(wc -l <"$file")" "BEGIN { print n / $elapsed }")"
            else
                problem forward "$contender" "$size" FAILED "$(tail -n 1 "$scratch/stderr")"
            fi
        done
    done
    rm -f "$file"
}
