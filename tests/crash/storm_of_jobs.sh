#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# time limit: 10000 s
# Jobs that fail, hang, and kill their consumer, while consumers and the supervisor are killed at random. Each job ends
# once, done or dead, and is executed retries + 1 times at most; the log of jobs and the results agree.
#
#   SHMQ_JOBS_STORM=100000    how many jobs (5000)
# shellcheck disable=SC2016 # what is in single quotes is for awk and for the shells of --exec
. "$(dirname "$0")/../support/lib.sh"
export LC_ALL=C

jobs=${SHMQ_JOBS_STORM:-5000}
retries=3
seq "$jobs" >"$scratch/in"
runs=$scratch/job/runs
log=$scratch/log

# ------------------------------------------------------------------ the storm

start_supervisor() {
    "$run_sh" "${command[@]}" >>"$scratch/run.log" 2>&1 </dev/null &
    supervisor=$!
}

# Sets consumers to the pids of those that run.
find_consumers() {
    local pid name list=''
    consumers=()
    read -r list 2>/dev/null <"/proc/$supervisor/task/$supervisor/children"
    for pid in $list; do
        name=''
        read -r name 2>/dev/null <"/proc/$pid/comm"
        [[ $name == consumer ]] && consumers+=("$pid")
    done
}

strike() {
    find_consumers
    if ((RANDOM % 12 == 0)); then
        kill -KILL "$supervisor" 2>/dev/null && supervisor_kills=$((supervisor_kills + 1))
    elif ((${#consumers[@]} > 0)); then
        kill -KILL "${consumers[RANDOM % ${#consumers[@]}]}" 2>/dev/null && kills=$((kills + 1))
    fi
}

# Sets status to how the supervisor ends in the end.
ride_out() { # UNTIL-SECONDS
    kills=0 supervisor_kills=0 status=''
    start_supervisor
    while [[ ! $status ]]; do
        if has_ended "$supervisor"; then
            wait "$supervisor"
            status=$?
            ((status == 137)) && status='' && start_supervisor
        elif ((SECONDS > $1)); then
            status=timeout
            kill_now "$supervisor"
        else
            strike
            # First often, because a small storm is soon over; then less often, for slow machines.
            random_pause $((kills + supervisor_kills < 30 ? 3 : 9))
            ((kills + supervisor_kills < 30)) || random_pause 9
        fi
    done 2>/dev/null
}

# Runs the jobs, and checks that each has ended once.
storm() { # NAME OPTION...
    local letters begun=$SECONDS
    title=$1
    shift
    new_queue
    dead=$queue.dead
    rm -rf "$scratch/job" "$scratch/run.log"
    mkdir "$scratch/job"
    command=(-q -Q "$queue" --keep -c 4 --input "$scratch/in" "$@" --retries "$retries" --backoff 1ms:5ms
        --exec-timeout 1s --kill-after 200ms --max-restarts 1000000 --restart-pause 5ms:50ms)
    ride_out $((begun + 300 + jobs / 50))
    # A supervisor that takes over when all is done has moved nothing itself.
    check_match "$title: $kills kills of consumers, $supervisor_kills of the supervisor, $((SECONDS - begun)) s: 6 or 0" \
        '^[06]$' <(echo "$status") || tail -n 20 "$scratch/run.log"
    check "$title: some were killed amid the work" test "$((kills + supervisor_kills))" -gt 2
    check "$title: all jobs were put" queue_has put_messages "$jobs"
    check "$title: no job is left" queue_has messages 0
    letters=$(queue_field "$dead" messages)
    timeout 300 "$consumer" -q -Q "$dead" --idle 200ms \
        --exec 'echo "$(cat) $SHMQ_HEADER_SHMQ_ID $SHMQ_HEADER_SHMQ_ATTEMPTS $SHMQ_HEADER_SHMQ_QUEUE"' >"$scratch/dead"
    check_equal "$title: each dead letter is read" "${letters:-0}" "$(wc -l <"$scratch/dead")"
    check_equal "$title: no job is dead twice" '' "$(cut -d ' ' -f 1 "$scratch/dead" | sort | uniq -d | head -n 5)"
    # One whose consumer was killed when it gave the job up has one attempt more.
    check_equal "$title: a dead job has used up its attempts" '' \
        "$(wrong -v most=$((retries + 1)) -v queue="$queue" '$3 < most || $4 != queue' "$scratch/dead")"
    check_equal "$title: each line about a run is whole" '' "$(wrong 'NF != 3' "$runs")"
    check_equal "$title: each job is done or dead" '' \
        "$(cut -d ' ' -f 1 "$scratch/dead" | cat - "$scratch/job/done" | sort -u | comm -13 - <(sort "$scratch/in") | head -n 5)"
    check "$title: all commands have ended" wait_until 5 eval '! pgrep -f "tool_job $scratch/job" >/dev/null'
    printf '# %d executions, %d dead letters, %d jobs done again after a kill\n' \
        "$(wc -l <"$runs")" "$(wc -l <"$scratch/dead")" \
        $(($(wc -l <"$scratch/job/done") - $(sort -u "$scratch/job/done" | wc -l)))
}

# ------------------------------------------------------------------ what has become of the jobs

wrong() { # PROGRAM FILE...: prints the lines that are wrong, of which there are none
    awk "$@" | head -n 20
}

check_executions() {
    check_equal "$title: no job was executed more than retries + 1 times" '' \
        "$(wrong -v most=$((retries + 1)) '++runs[$1] > most { print $1, runs[$1] }' "$runs")"
}

check_attempts() {
    check_equal "$title: each attempt was executed at most once" '' "$(wrong 'seen[$1, $3]++' "$runs")"
    check_equal "$title: attempts are numbered from 1 to retries + 1" '' \
        "$(wrong -v most=$((retries + 1)) '$3 < 1 || $3 > most' "$runs")"
    check_equal "$title: the id of a job is the same at each attempt" '' \
        "$(wrong '$1 in id && id[$1] != $2; { id[$1] = $2 }' "$runs")"
    check_equal "$title: dead jobs have the ids under which they ran" '' \
        "$(wrong 'NR == FNR { id[$1] = $2; next } $1 in id && id[$1] != $2' "$runs" "$scratch/dead")"
}

# Of each job that is not dead, the log has a success. A dead job can have one if its consumer was killed between the log
# and the acknowledgement.
check_log() {
    awk -F '\t' 'NR > 1 && $7 == 0 && $8 == 0 { print $NF }' "$log" | sort -u >"$scratch/successes"
    awk '{ print $2 }' "$scratch/dead" | sort -u >"$scratch/dead.ids"
    comm -12 "$scratch/successes" "$scratch/dead.ids" >"$scratch/both"
    check_equal "$title: the log: each line is whole" '' "$(wrong -F '\t' 'NF != 11' "$log")"
    # On a machine that stands still for a second, --exec-timeout may end a command before it has said that it runs.
    check_equal "$title: the log: each line is of a run, and there once" '' "$(wrong -F '\t' \
        'NR == FNR { split($0, run, " "); ran[run[2], run[3]]; next }
         FNR > 1 && ((!(($11, $10) in ran) && $8 == 0) || seen[$11, $10]++)' "$runs" "$log")"
    check_equal "$title: the log: as many successes as jobs that are not dead" "$jobs" \
        "$(sort -u "$scratch/successes" "$scratch/dead.ids" | wc -l)"
    check "$title: the log: a dead job had a success only where a consumer was killed ($(wc -l <"$scratch/both"))" \
        test "$(wc -l <"$scratch/both")" -le $((2 * kills + 8 * supervisor_kills))
    check_equal "$title: the log: each success has done its job" '' "$(wrong '
        FILENAME ~ /successes$/ { ok[$1]; next }
        FILENAME ~ /done$/ { done[$1]; next }
        $2 in ok && !($1 in done)' "$scratch/successes" "$scratch/job/done" "$runs")"
}

check_results() {
    check_equal "$title: the results: a folder for each success" '' \
        "$(while read -r id; do [[ -s $scratch/results/$id/status ]] || echo "$id"; done <"$scratch/successes" | head -n 5)"
}

with_results=()
((jobs <= 10000)) && with_results=(--results "$scratch/results") # three files for each job
storm "--exec, $jobs jobs" --exec "$build/tests/tool_job $scratch/job" --jobs 2 --joblog "$log" "${with_results[@]}"
check_executions
check_attempts
check_log
((jobs > 10000)) || check_results

answering="exec $build/tests/tool_job $scratch/job answer"
storm "--pipe-ack, $jobs jobs, one at a time" --pipe "$answering" --pipe-ack --prefetch 1
check_executions
# Several are in flight: where a consumer is killed while a message waits for its retry, those behind it that were
# answered meanwhile are executed again, uncounted.
storm "--pipe-ack, $jobs jobs" --pipe "$answering" --pipe-ack
