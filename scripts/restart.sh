# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # its variables are shared with run.sh
# Sourced by run.sh: whether a child that failed is started again, and when.

declare -A due_ms=()      # name -> when it is started again
declare -A restarts_of=() # name -> times of its restarts within the last minute
declare -A failure_of=()  # name -> status and text of its last failure that was no signal's
declare -A done_at=()     # name -> how much was done (see count_done) when it last failed so
declare -A in_vain=()     # name -> how often it has failed so since more was done
readonly minute_ms=60000 in_vain_max=3
restarts=0

describe_end() { # NAME PID STATUS
    local signal=
    { (($3 > 128)) && signal=$(kill -l $(($3 - 128))); } 2>/dev/null
    if [[ $signal ]]; then
        end_text="$1 (pid $2) was killed by SIG$signal, status $3"
    else
        end_text="$1 (pid $2) failed with status $3"
    fi
}

# Whether it sends messages until it is told to end.
is_endless() {
    [[ ($source == random || $source == demonstration) && ${given[count]:-0} =~ ^0+$ ]]
}

# Whether the child would know where to go on.
can_restart() { # NAME
    [[ $1 == consumer.* ]] || ((resumable)) || is_endless
}

# Whether starting it again could make no difference.
is_lasting() { # NAME STATUS
    case $2 in
    1) [[ $1 == consumer.* && (! $sink || $sink == stdout || $sink == --exec || $sink == --pipe) ]] ;;
    2 | 4 | 5 | 126 | 127) return 0 ;;
    3) [[ $1 == producer.* ]] || ! producers_left ;;
    *) return 1 ;;
    esac
}

# Whether all was acknowledged before it failed: then it is no message that comes again that it failed for, but what it
# had already, as when a file system says only in the end that it could not write.
is_too_late() { # NAME STATUS
    [[ $1 == consumer.* && $2 == 1 ]] && ! producers_left && read_stat && ((${stat[messages]:-0} == 0))
}

# Sets done_now to the messages put, for a producer, or acknowledged, for a consumer, by all of them.
count_done() { # NAME
    done_now=unknown
    read_stat || return
    done_now=${stat[put_messages]}
    [[ $1 == producer.* ]] || done_now=$((done_now - stat[messages]))
}

# Keeps in mind a failure that is no signal's; its cause is likely to be there the next time, too.
note_failure() { # NAME STATUS TEXT
    local done_now
    (($2 <= 128)) && [[ $2 != 3 || $1 == producer.* ]] || return
    count_done "$1"
    [[ $done_now == "${done_at[$1]:-}" ]] || in_vain[$1]=0
    failure_of[$1]="$2 $3" done_at[$1]=$done_now
    in_vain[$1]=$((in_vain[$1] + 1))
}

# Whether nothing was done since it failed: then it has not got over that.
still_fails() { # NAME
    local done_now
    [[ ${failure_of[$1]:-} ]] || return
    count_done "$1"
    [[ $done_now == "${done_at[$1]}" ]]
}

# Counts the restart and sets pause_ms; fails if there were too many in the last minute.
take_restart() { # NAME [STATUS]
    local time kept=()
    for time in ${restarts_of[$1]:-}; do
        ((now_ms - time < minute_ms)) && kept+=("$time")
    done
    ((${#kept[@]} < max_restarts)) || return 1
    pause_ms=$((restart_pause_min_ms << (${#kept[@]} < 6 ? ${#kept[@]} : 6)))
    ((pause_ms <= restart_pause_max_ms)) || pause_ms=$restart_pause_max_ms
    ((${#kept[@]} > 0 || ${2:-0} <= 128)) || pause_ms=0 # killed for the first time
    restarts_of[$1]="${kept[*]} $now_ms"
}

restart_later() { # NAME
    due_ms[$1]=$((now_ms + pause_ms))
}

# Not a failure, but not the end either: somebody told it to end, or its own --idle or --count.
start_anew() { # NAME PID
    local pause_ms
    take_restart "$1" || pause_ms=$restart_pause_max_ms
    detail "$1 (pid $2) ended before it had done all; starting it anew"
    restart_later "$1"
}

pause_text() {
    ((pause_ms)) || { pause_text='at once'; return; }
    printf -v pause_text 'in %d.%02d s' $((pause_ms / 1000)) $((pause_ms % 1000 / 10))
}

child_failed() { # NAME PID STATUS
    local end_text pause_text pause_ms why
    describe_end "$@"
    note_failure "$1" "$3" "$end_text"
    if [[ $restart == never ]]; then
        why='not restarted: --restart never'
    elif ! can_restart "$1"; then
        why='not restarted: where its source stood is not known'
    elif [[ $stopping && $1 == producer.* ]]; then
        why='not restarted: stopping'
    elif is_lasting "$1" "$3"; then
        why='not restarted: it would fail again'
    elif is_too_late "$1" "$3"; then
        why='not restarted: nothing is left to be done, but what it had done may not have arrived'
    elif ((${in_vain[$1]:-0} >= in_vain_max)); then
        why="not restarted: it failed ${in_vain[$1]} times in a row, and nothing was done meanwhile"
    elif ! take_restart "$1" "$3"; then
        why="not restarted: $max_restarts restarts within a minute"
    else
        pause_text
        complain "$end_text; restarting it $pause_text"
        restart_later "$1"
        return
    fi
    complain "$end_text; $why"
    give_up "$3" "$end_text"
}

start_due() {
    local name
    for name in "${!due_ms[@]}"; do
        ((due_ms[$name] <= now_ms)) || continue
        unset "due_ms[$name]"
        if [[ $name == producer.* ]] || work_left; then
            ((restarts += 1))
            start_child "$name"
        fi
    done
}
