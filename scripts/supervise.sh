# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # its variables are shared with run.sh
# Sourced by run.sh: what happens when a child ends, a pause is over, or a signal comes.
#
# A child runs (pid_of), waits to be restarted (due_ms), or is over. The loop sleeps in `wait -n` on the children, and on
# a sleep that ends when the next thing is due. Consumers are first started when the queue is there, and noted.

readonly kill_after_ms=2000 bounce_ms=200 heartbeat_ms=1000 look_ms=20
declare -A unread=() # producer -> how far it came, if it was stopped before the end of its input
dropped=()           # producers that were to be started when we were stopped
declare -A told=()   # pid of a producer -> 1, once it was told to stop

now_ms=0
consumers_wait=1    # for the queue
stopping=           # "", "orderly", "insisting" or "killing"
stop_ms=0           # when it began
stop_deadline_ms=0  # when the next, harsher step is due
idle_in_vain=0      # a consumer waited for its --idle, and nothing had come
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

# ------------------------------------------------------------------ starting

start_all() {
    local number
    read_clock
    started_all_ms=$now_ms
    for ((number = 1; number <= producers; number++)); do
        if [[ $stopping ]]; then
            dropped+=("producer.$number")
        else
            start_child "producer.$number"
        fi
    done
}

start_consumers() {
    local number
    ((consumers_wait)) || return
    ((noted)) || note_command || return
    [[ ! $stopping ]] || work_left || return
    consumers_wait=0
    for ((number = 1; number <= consumers; number++)); do
        start_child "consumer.$number"
    done
}

# ------------------------------------------------------------------ when a child ends

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
    read_stat && ((${stat[messages]:-0} > 0))
}

# The first failure is the one that counts.
keep_failure() { # STATUS REASON
    if ((failure_status == 0)); then
        failure_status=$1 failure_reason=$2
    fi
}

give_up() { # STATUS REASON
    keep_failure "$@"
    [[ $stopping ]] || begin_stop
}

# A producer was stopped, or will not be started again.
left_unread() { # NAME
    local lane_finished lane_messages
    is_endless && return
    read_lane "${pid_of_last[$1]:-none}"
    unread[$1]=${lane_messages:+after $lane_messages messages}
    # Stopped while it tried again and again: that it has not failed this time means nothing.
    ! still_fails "$1" || keep_failure "${failure_of[$1]%% *}" "${failure_of[$1]#* }"
}

# Ended with 0; or by our TERM, before it had a handler for it.
producer_done() { # NAME PID STATUS
    local lane_finished lane_messages
    if ((resumable)); then
        read_lane "$2"
        (($3 == 0 && lane_finished)) && return
        [[ $stopping ]] || start_anew "$1" "$2"
    fi
    [[ ! $stopping ]] || left_unread "$1"
}

# Whether a consumer failed only because others took the messages that it waited for: by its --idle, or, the stream being
# complete, by its --count.
only_came_short() { # STATUS
    case $1 in
    4) idle_in_vain=1 ;;
    3) ! producers_left && read_stat && ((stat[messages] + stat[unfinished] + stat[shut_down] == 0)) ;;
    *) return 1 ;;
    esac
}

consumer_done() { # NAME PID
    [[ -z $stopping ]] || return
    work_left || return
    start_anew "$1" "$2"
}

# We insisted on its end.
child_cut_short() { # NAME PID STATUS
    local end_text
    detail "$1 (pid $2) ended with status $3"
    [[ $1 == producer.* ]] || return
    left_unread "$1"
    describe_end "$@"
    # What it had read from a pipe, and not put, is gone.
    ((resumable)) || is_endless || keep_failure "$3" "$end_text"
}

child_ended() { # PID STATUS
    local name=${name_of[$1]}
    unset "name_of[$1]" "pid_of[$name]"
    if (($2 == 0)) || [[ $stopping && $2 == 143 ]]; then
        "${name%.*}_done" "$name" "$1" "$2"
    elif [[ $stopping == insisting || $stopping == killing ]]; then
        child_cut_short "$name" "$1" "$2"
    elif [[ $2 == 3 && $name == consumer.* && $stopping ]]; then
        # It has delivered everything, and learnt that a stream is not finished.
        detail "$name (pid $1) ended with status $2"
    elif [[ $name == consumer.* ]] && only_came_short "$2"; then
        consumer_done "$name" "$1"
    else
        child_failed "$name" "$1" "$2"
    fi
    forget_ended_prefixers
}

# ------------------------------------------------------------------ stopping

forget_due() { # ROLE
    local name
    for name in "${!due_ms[@]}"; do
        [[ $name == "$1"* ]] || continue
        unset "due_ms[$name]"
        [[ $name != producer.* ]] || dropped+=("$name")
    done
}

# Tells each that runs once: also one that was just being started when we were told ourselves.
stop_producers() {
    local name pid
    for name in "${!pid_of[@]}"; do
        pid=${pid_of[$name]}
        [[ $name == producer.* && ! ${told[$pid]:-} ]] || continue
        told[$pid]=1
        kill -TERM "$pid" 2>/dev/null
    done
}

begin_stop() {
    read_clock
    stopping=orderly stop_ms=$now_ms stop_deadline_ms=$((now_ms + grace_ms))
    stop_producers
    forget_due producer
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
    stop_producers
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

# A status of 0 only says that all that was read has arrived.
tell_unread() {
    local name list='' advice
    for name in "${dropped[@]}"; do
        left_unread "$name"
    done
    ((${#unread[@]})) || return
    for name in "${!unread[@]}"; do
        list+="${list:+, }$name${unread[$name]:+ ${unread[$name]}}"
    done
    if ((!resumable)); then
        complain "stopped early: $list (if the source had more, that is not sent)"
        return
    fi
    advice="the same command goes on there"
    ((keep || messages_left)) || advice="with --keep, the same command would go on there"
    complain "stopped before the end of the input: $list ($advice)"
}

# ------------------------------------------------------------------ the loop

# Makes sure that a sleep ends when the next thing is due, and at least once a second: a signal that comes in the moment
# before the shell waits is noticed only when the wait is over.
arm_timer() {
    local name next=$((now_ms + heartbeat_ms)) wait_ms
    ((consumers_wait)) && next=$((now_ms + look_ms))
    [[ $stopping ]] && ((stop_deadline_ms < next)) && next=$stop_deadline_ms
    for name in "${!due_ms[@]}"; do
        ((due_ms["$name"] < next)) && next=${due_ms[$name]}
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
    start_consumers
    while ((${#name_of[@]} + ${#due_ms[@]} > 0)); do
        arm_timer
        await_event
        read_clock
        [[ ! $ended ]] || child_ended "$ended" "$ended_status"
        start_due
        start_consumers
        advance_stop
    done
    [[ $timer_pid ]] && kill -KILL "$timer_pid" 2>/dev/null
    return 0
}
