# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # its variables are shared with bench.sh
# Sourced by bench.sh: the contenders, their titles and their requirements.

# name|title|package that it needs. The order is that of the tables.
contender_list='raw|raw spinning ring|
raw_tuned|raw ring, tuned (limit)|
raw_in_place|raw ring, in place (limit)|
memcpy|memcpy and sum, one process (limit)|
line|one cache line (limit)|
shmq_single|shmq, put and get|
shmq_batch|shmq, batched|
shmq_in_place|shmq, zero copy|
shmq_fences|shmq, full fences|
mpmc|lock-free ring, spinning|
semaphores|ring, 3 named semaphores|
boost|Boost message_queue|libboost-dev
libqb|libqb ring buffer|libqb-dev
zeromq|ZeroMQ PUSH/PULL ipc|libzmq3-dev
nng|nng push/pull ipc|libnng-dev
pipe|pipe|
seqpacket|Unix seqpacket socket|
posix_mq|POSIX message queue|
redis|Redis list, pipelined|libhiredis-dev
python_multiprocessing|Python multiprocessing.Queue|python3
python_threads|Python queue.Queue (threads)|python3'

# Contenders that spin while they wait; with one processor they would measure the scheduler's time slice.
spinning=(raw raw_tuned raw_in_place line mpmc)

# The programs that pipelines and jobs are compared with: name|title|command|package. In a title, " to " is a pipe.
program_list='shmq|producer, queue, consumer||
cat|cat to cat|cat|coreutils
pv|pv to cat|pv|pv
mbuffer|mbuffer to cat|mbuffer|mbuffer
consumer|consumer --exec true||
xargs|xargs -P N true|xargs|findutils
xargs_shell|xargs -P N sh -c true|xargs|findutils
parallel|GNU parallel -j N true|parallel|parallel
ungroup|consumer --jobs 4 --ungroup||
grouped|consumer --jobs 4 --grouped||
line_buffer|consumer --jobs 4 --line-buffer||
parallel_ungroup|parallel -j 4 --ungroup|parallel|parallel
parallel_group|parallel -j 4 --group|parallel|parallel
parallel_line_buffer|parallel -j 4 --line-buffer|parallel|parallel
read|consumer >/dev/null||
forward|consumer --forward A||
forward_2|consumer --forward A,B||
nats_out|libnats, js_PublishMsgAsync|nats-server|nats-server
bridge_out|consumer --to|nats-server|nats-server
nats_in|libnats, natsSubscription_Fetch|nats-server|nats-server
bridge_in|producer --from|nats-server|nats-server'

all_contenders() {
    cut -d '|' -f 1 <<<"$contender_list"
}

# Prints a field of a contender's or program's line.
field_of() { # LIST NAME NUMBER
    awk -F'|' -v name="$2" -v field="$3" '$1 == name { gsub(/ to /, " | ", $2); print $field }' <<<"$1"
}

title_of() { # NAME
    field_of "$contender_list"$'\n'"$program_list" "$1" 2
}

# Prints why a contender cannot take part, or nothing.
why_missing() { # NAME
    local package
    package=$(field_of "$contender_list" "$1" 3)
    case $1 in
    python_*) command -v python3 >/dev/null || printf 'python3 is missing (Debian package python3)' ;;
    *)
        if [[ ! -x $build/bench/$1 ]]; then
            if [[ $package ]]; then
                printf 'not built: a library is missing (Debian package %s)' "$package"
            else
                printf "not built (run 'make benches')"
            fi
        elif [[ $1 == redis ]] && ! command -v redis-server >/dev/null; then
            printf 'redis-server is missing (Debian package redis-server)'
        elif (($(nproc) < 2)) && [[ " ${spinning[*]} " == *" $1 "* ]]; then
            printf 'it spins, and there is only one processor'
        fi ;;
    esac
}

# Prints why a program cannot take part, or nothing.
why_program_missing() { # NAME
    local command
    command=$(field_of "$program_list" "$1" 3)
    [[ ! $command ]] || command -v "$command" >/dev/null ||
        printf '%s is missing (Debian package %s)' "$command" "$(field_of "$program_list" "$1" 4)"
}

# Sets `command` to the command that runs a contender.
command_of() { # NAME
    case $1 in
    python_multiprocessing) command=(python3 "$bench/optional/python_queue.py" multiprocessing) ;;
    python_threads) command=(python3 "$bench/optional/python_queue.py" threads) ;;
    *) command=("$build/bench/$1") ;;
    esac
}
