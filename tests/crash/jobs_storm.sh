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
new_queue
dead=$queue.dead
mkdir "$scratch/job"
seq "$jobs" >"$scratch/in"
: >"$scratch/run.log"
command=(-q -Q "$queue" --keep -c 4 --input "$scratch/in" --exec "$build/tests/tool_job $scratch/job" --jobs 2
    --retries "$retries" --backoff 1ms:5ms --exec-timeout 1s --kill-after 200ms --joblog "$scratch/log"
    --max-restarts 1000000 --restart-pause 5ms:50ms)
# Three files for each job would be too many for a big storm.
((jobs <= 10000)) && command+=(--results "$scratch/results")

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

# ------------------------------------------------------------------ the storm

kills=0 supervisor_kills=0 status=''
begun=$SECONDS
start_supervisor
while [[ ! $status ]]; do
    if has_ended "$supervisor"; then
        wait "$supervisor"
        status=$?
        ((status == 137)) && status='' && start_supervisor
    elif ((SECONDS - begun > 300 + jobs / 50)); then
        status=timeout
        kill_now "$supervisor"
    else
        strike
        random_pause 10
        random_pause 10
    fi
done 2>/dev/null
took=$((SECONDS - begun))
name="$jobs jobs, $kills kills of consumers, $supervisor_kills of the supervisor, $took s"

# A supervisor that takes over when all is done has moved nothing itself.
check_match "$name: ends with 6 or 0" '^[06]$' <(echo "$status") || tail -n 20 "$scratch/run.log"
check 'some were killed amid the work' test "$((kills + supervisor_kills))" -gt 2

# ------------------------------------------------------------------ what has become of the jobs

wrong() { # PROGRAM FILE...: prints the lines that are wrong, of which there are none
    awk "$@" | head -n 20
}

check 'all jobs were put' queue_has put_messages "$jobs"
check 'no job is left' queue_has messages 0
letters=$(queue_field "$dead" messages)
timeout 300 "$consumer" -q -Q "$dead" --exec 'echo "$(cat) $SHMQ_HEADER_SHMQ_ID $SHMQ_HEADER_SHMQ_ATTEMPTS $SHMQ_HEADER_SHMQ_QUEUE"' --idle 200ms >"$scratch/dead"
check_equal 'each dead letter is read' "${letters:-0}" "$(wc -l <"$scratch/dead")"
check_equal 'no job is dead twice' '' "$(cut -d ' ' -f 1 "$scratch/dead" | sort | uniq -d | head -n 5)"
check_equal 'a dead job has used up its attempts' '' \
    "$(wrong -v most=$((retries + 1)) -v queue="$queue" '$3 < most || $4 != queue' "$scratch/dead")"

runs=$scratch/job/runs
check_equal 'each line about a run is whole' '' "$(wrong 'NF != 3' "$runs")"
check_equal 'no job was executed more than retries + 1 times' '' \
    "$(wrong -v most=$((retries + 1)) '++runs[$1] > most { print $1, runs[$1] }' "$runs")"
check_equal 'each attempt was executed at most once' '' "$(wrong 'seen[$1, $3]++' "$runs")"
check_equal 'attempts are numbered from 1 to retries + 1' '' "$(wrong -v most=$((retries + 1)) '$3 < 1 || $3 > most' "$runs")"
check_equal 'the id of a job is the same at each attempt' '' "$(wrong '$1 in id && id[$1] != $2; { id[$1] = $2 }' "$runs")"
check_equal 'dead jobs have the ids under which they ran' '' \
    "$(wrong 'NR == FNR { id[$1] = $2; next } $1 in id && id[$1] != $2' "$runs" "$scratch/dead")"

# ------------------------------------------------------------------ the log of jobs

log=$scratch/log
check_equal 'the log: each line is whole' '' "$(wrong -F '\t' 'NF != 11' "$log")"
check_equal 'the log: each line is of a run, and there once' '' \
    "$(wrong -F '[ \t]' 'NR == FNR { ran[$2, $3]; next } FNR > 1 && (!(($NF, $(NF - 1)) in ran) || seen[$NF, $(NF - 1)]++)' "$runs" "$log")"
# Of each job that is not dead, the log has a success. A dead job can have one if its consumer was killed between the log
# and the acknowledgement.
awk -F '\t' 'NR > 1 && $7 == 0 && $8 == 0 { print $NF }' "$log" | sort -u >"$scratch/successes"
awk '{ print $2 }' "$scratch/dead" | sort -u >"$scratch/dead.ids"
comm -12 "$scratch/successes" "$scratch/dead.ids" >"$scratch/both"
check_equal 'the log: as many successes as jobs that are not dead' "$jobs" \
    "$(sort -u "$scratch/successes" "$scratch/dead.ids" | wc -l)"
check "the log: a dead job had a success only where a consumer was killed ($(wc -l <"$scratch/both"))" \
    test "$(wc -l <"$scratch/both")" -le $((2 * kills + 8 * supervisor_kills))
check_equal 'the log: each success has done its job' '' \
    "$(wrong -v successes="$scratch/successes" 'BEGIN { while ((getline id < successes) > 0) ok[id] } FILENAME ~ /done$/ { done[$1]; next } $2 in ok && !($1 in done)' "$scratch/job/done" "$runs")"
check_equal 'each job is done or dead' '' \
    "$(cut -d ' ' -f 1 "$scratch/dead" | cat - "$scratch/job/done" | sort -u | comm -13 - <(sort "$scratch/in") | head -n 5)"
if ((jobs <= 10000)); then
    check_equal 'the results: a folder for each success' '' \
        "$(while read -r id; do [[ -s $scratch/results/$id/status ]] || echo "$id"; done <"$scratch/successes" | head -n 5)"
fi
printf '# %s\n' "$(wc -l <"$runs") executions, $(wc -l <"$scratch/dead") dead letters, $(($(sort "$scratch/job/done" | wc -l) - $(sort -u "$scratch/job/done" | wc -l))) jobs done twice because a consumer was killed after the work"
check 'all commands have ended' wait_until 5 eval '! pgrep -f "tool_job $scratch/job" >/dev/null'
