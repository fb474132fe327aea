# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # its variables are shared with run.sh
# Sourced by run.sh: what happens when a child ends, a pause is over, or a signal comes.
#
# A child runs (pid_of), waits to be restarted (due_ms), or is over. The loop sleeps in `wait -n` on the children, and on a
# sleep that ends when the next thing is due.

declare -A due_ms=()      # name -> when it is started again
declare -A restarts_of=() # name -> times of its restarts within the last minute
readonly minute_ms=60000 pause_min_ms=100 pause_max_ms=5000 kill_after_ms=2000 bounce_ms=200 heartbeat_ms=1000

now_ms=0
restarts=0
stopping=           # "", "orderly", "insisting" or "killing"
stop_ms=0           # when it began
stop_deadline_ms=0  # when the next, harsher step is due
consumers_told=     # to end, as there is nothing left for them
stop_signal=0       # number of the signal that cut it short
failure_status=0 failure_reason=
timer_pid='' timer_ms=0

# Monotonic, and without a process.
read_clock() {
    local uptime rest
    read -r uptime rest </proc/uptime
    now_ms=$((10#${uptime/./} * 10))
}

# ------------------------------------------------------------------ when a child ends

describe_end() { # NAME PID STATUS
    local signal=
    { (($3 > 128)) && signal=$(kill -l $(($3 - 128))); } 2>/dev/null
    if [[ $signal ]]; then
        end_text="$1 (pid $2) was killed by SIG$signal, status $3"
    else
        end_text="$1 (pid $2) failed with status $3"
    fi
}

# Whether the child would know where to go on.
can_restart() { # NAME
    [[ $1 == consumer.* ]] && return
    case $source in
    files) ((resumable)) ;;
    random | demonstration) [[ ${given[count]:-0} =~ ^0+$ ]] ;;
    *) return 1 ;;
    esac
}

# Whether starting it again could make a difference.
is_lasting() { # NAME STATUS
    case $2 in
    2 | 5 | 126 | 127) return 0 ;;
    3) [[ $1 == producer.* ]] || ! producers_left ;;
    4) return 0 ;;
    *) return 1 ;;
    esac
}

# Counts the restart and sets pause_ms; fails if there were too many in the last minute.
take_restart() { # NAME
    local time kept=()
    for time in ${restarts_of[$1]:-}; do
        ((now_ms - time < minute_ms)) && kept+=("$time")
    done
    ((${#kept[@]} < max_restarts)) || return 1
    pause_ms=$((pause_min_ms << (${#kept[@]} < 6 ? ${#kept[@]} : 6)))
    ((pause_ms <= pause_max_ms)) || pause_ms=$pause_max_ms
    restarts_of[$1]="${kept[*]} $now_ms"
}

producers_left() {
    local name count
    running producer && return
    for name in "${!due_ms[@]}"; do
        [[ $name == producer.* ]] && return
    done
    return 1
}

# Whether a consumer still has something to do.
work_left() {
    producers_left && return
    { read_stat; } 2>/dev/null && ((${stat[messages]:-0} > 0))
}

restart_later() { # NAME
    due_ms[$1]=$((now_ms + pause_ms))
}

pause_text() {
    printf -v pause_text '%d.%d s' $((pause_ms / 1000)) $((pause_ms % 1000 / 100))
}

child_failed() { # NAME PID STATUS
    local end_text pause_text pause_ms why
    describe_end "$@"
    if [[ $restart == never ]]; then
        why='not restarted: --restart never'
    elif ! can_restart "$1"; then
        why='not restarted: where its source stood is not known'
    elif [[ $stopping && $1 == producer.* ]]; then
        why='not restarted: stopping'
    elif is_lasting "$1" "$3"; then
        why='not restarted: it would fail again'
    elif ! take_restart "$1"; then
        why="not restarted: $max_restarts restarts within a minute"
    else
        pause_text
        complain "$end_text; restarting it in $pause_text"
        restart_later "$1"
        return
    fi
    complain "$end_text; $why"
    give_up "$3" "$end_text"
}

# The first failure is the one that counts.
give_up() { # STATUS REASON
    if ((failure_status == 0)); then
        failure_status=$1 failure_reason=$2
    fi
    [[ $stopping ]] || begin_stop
}

child_done() { # NAME PID
    local pause_ms
    [[ $1 == consumer.* && -z $stopping ]] || return
    work_left || return
    # Too early: by its --idle or --count, or by somebody's TERM. Not a failure, but not the end either.
    take_restart "$1" || pause_ms=$pause_max_ms
    detail "$1 (pid $2) ended before all had arrived; starting it anew"
    restart_later "$1"
}

child_ended() { # PID STATUS
    local name=${name_of[$1]}
    unset "name_of[$1]" "pid_of[$name]"
    # Told to stop before it had its handlers, a child has not begun either.
    if (($2 == 0)) || [[ $stopping && $2 == 143 ]]; then
        child_done "$name" "$1"
    elif [[ $stopping == insisting || $stopping == killing || ($2 == 3 && $name == consumer.* && $failure_reason) ]]; then
        detail "$name (pid $1) ended with status $2"
    else
        child_failed "$name" "$1" "$2"
    fi
    forget_ended_prefixers
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

# ------------------------------------------------------------------ stopping

forget_due() { # ROLE
    local name
    for name in "${!due_ms[@]}"; do
        [[ $name == "$1"* ]] && unset "due_ms[$name]"
    done
}

begin_stop() {
    read_clock
    stopping=orderly stop_ms=$now_ms stop_deadline_ms=$((now_ms + grace_ms))
    forget_due producer
    signal_children producer TERM
}

# Consumers that would not end by themselves, or only after a while, are told to once nothing is left for them: with
# --follow, or where a producer died, or never came so far as to make the queue.
stop_idle_consumers() {
    [[ $stopping == orderly && ! $consumers_told ]] || return
    producers_left && return
    work_left && return
    consumers_told=1
    signal_children consumer TERM
}

# The harsher steps, each when its time has come.
advance_stop() {
    [[ $stopping ]] || return
    stop_idle_consumers
    ((now_ms >= stop_deadline_ms)) || return
    forget_due ''
    if [[ $stopping == orderly ]]; then
        complain "not done within --grace $grace: ending what still runs"
        stopping=insisting stop_deadline_ms=$((now_ms + kill_after_ms))
        signal_children '' TERM
    else
        stopping=killing stop_deadline_ms=$((now_ms + kill_after_ms))
        signal_children '' KILL
    fi
}

on_signal() { # NAME NUMBER
    [[ $BASHPID == "$$" ]] || exit $((128 + $2)) # a child that has not become what it is to be
    read_clock
    if [[ ! $stopping ]]; then
        say "SIG$1: stopping the producers, then draining (again: stop at once)"
        begin_stop
    elif ((stop_signal == 0 && now_ms - stop_ms < bounce_ms)) && [[ ! $failure_reason ]]; then
        return # one Ctrl-C or one timeout(1) that reached us twice
    else
        stop_signal=$2 stopping=killing stop_deadline_ms=$((now_ms + kill_after_ms))
        forget_due ''
        signal_children '' KILL
    fi
}

# ------------------------------------------------------------------ the loop

# Makes sure that a sleep ends when the next thing is due, and at least once a second: a signal that comes in the moment
# before the shell waits is noticed only when the wait is over.
arm_timer() {
    local name next=$((now_ms + heartbeat_ms)) wait_ms
    [[ $stopping ]] && ((stop_deadline_ms < next)) && next=$stop_deadline_ms
    for name in "${!due_ms[@]}"; do
        ((due_ms[$name] < next)) && next=${due_ms[$name]}
    done
    if [[ $timer_pid ]]; then
        ((timer_ms > now_ms && timer_ms <= next)) && return
        kill -KILL "$timer_pid" 2>/dev/null
    fi
    timer_ms=$next
    wait_ms=$((next > now_ms ? next - now_ms : 0))
    printf -v wait_ms '%d.%03d' $((wait_ms / 1000)) $((wait_ms % 1000))
    start_timer "$wait_ms"
}

# Sleeps until a child or the timer has ended, or a signal came. Sets ended (a pid or nothing) and ended_status.
await_event() {
    local pid
    ended=
    # `wait -n` passes over those whose end the shell has already noticed.
    for pid in "${!name_of[@]}"; do
        [[ -d /proc/$pid ]] && continue
        ended=$pid
        wait "$pid"
        ended_status=$?
        return
    done
    [[ ! $timer_pid || -d /proc/$timer_pid ]] || { timer_pid=''; return; }
    wait -n -p ended "${!name_of[@]}" ${timer_pid:+"$timer_pid"}
    ended_status=$?
    ended=${ended:-}
    if [[ $ended && $ended == "$timer_pid" ]]; then
        ended='' timer_pid=''
    fi
} 2>/dev/null # the shell's complaints about processes that it has noticed before

supervise() {
    local ended ended_status
    while ((${#name_of[@]} + ${#due_ms[@]} > 0)); do
        arm_timer
        await_event
        read_clock
        [[ ! $ended ]] || child_ended "$ended" "$ended_status"
        start_due
        advance_stop
    done
    [[ $timer_pid ]] && kill -KILL "$timer_pid" 2>/dev/null
    return 0
}
