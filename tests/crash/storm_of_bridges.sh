#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# time limit: 10000 s
# Messages of several lanes go out of a queue by `consumer --to`, over three servers with replicas, into another queue by
# `producer --from`, and from there into a file, while something breaks. Counts what is lost, doubled or out of order
# within its lane, in the stream and in the file.
#
#   SHMQ_BRIDGE_STORM=N        all drills, with N messages each (a few drills, with 4000)
#   SHMQ_BRIDGE_DRILLS=LIST    only these, such as "bridges_killed stream_full"
#   SHMQ_BRIDGE_AWAY=SECONDS   how long the servers of broker_away are away (5)
. "$(dirname "$0")/../support/lib.sh"
. "$(dirname "$0")/../support/nats.sh"

lanes=3
messages=${SHMQ_BRIDGE_STORM:-4000}
messages=$((messages / lanes * lanes))
line_bytes=100 # with its newline
# As fast as leaves the faults time to hit something.
rate=$((messages / 40 > 1000 ? messages / 40 : 1000))
all_drills=(bridges_killed leader_killed all_killed broker_stopped window_passed stream_full broker_away link_cut)
quick_drills=(bridges_killed stream_full window_passed broker_away)
window='"duplicate_window":1000000000' # 1 s, where the default is two minutes
away=${SHMQ_BRIDGE_AWAY:-5}
stopped=$((messages > 10000 ? 10 : 3))
stream='' from='' to='' drill=''
bridge_runner=() # words before the command of a bridge
declare -A bridge_pids=([out]='' [in]='')
reader=''
stuck=0
behind=0 # 1: a server lacks some of the stream for good

# ------------------------------------------------------------------ the pipeline

# What one lane has to bring: its number, the number of the message, and letters.
make_lines() { # LANE COUNT
    awk -v lane="$1" -v count="$2" -v bytes="$line_bytes" 'BEGIN {
        for (text = ""; length(text) < bytes; ) text = text "abcdefghijklmnopqrstuvwxyz"
        for (i = 1; i <= count; i++) {
            head = sprintf("%d %d ", lane, i)
            print head substr(text, 1 + i % 26, bytes - 1 - length(head))
        }
    }' | awk -v bytes="$line_bytes" '{ while (length($0) < bytes - 1) $0 = $0 "."; print }'
}

# Each leaves its exit status in a file: it may end long before anybody waits for it, and its number may be in use again.
start_writers() {
    local lane
    rm -f -- "$scratch"/writer.*
    for ((lane = 1; lane <= lanes; lane++)); do
        {
            "$producer" -q -Q "$from" --input "$scratch/lane.$lane" --rate $((rate / lanes)) 2>>"$scratch/writers.err"
            printf '%d\n' $? >"$scratch/writer.$lane"
        } &
    done
}

writers_have_ended() {
    local lane
    for ((lane = 1; lane <= lanes; lane++)); do
        [[ -s $scratch/writer.$lane ]] || return 1
    done
}

# Each leaves its exit status in a file, likewise.
start_bridge() { # out|in
    local -a command=("$consumer" -Q "$from" --producers "$lanes" --to "$NATS_URL" --stream "$stream" --subject "$stream.{lane}"
        --ack-timeout 2s --progress)
    [[ $1 == out ]] || command=("$producer" -Q "$to" --from "$NATS_URL" --stream "$stream" --durable d --resume --progress)
    rm -f -- "$scratch/$1.status" "$scratch/$1.pid"
    {
        "${bridge_runner[@]}" "${command[@]}" 2>>"$scratch/$1.err" &
        printf '%d\n' $! >"$scratch/$1.pid"
        wait $!
        printf '%d\n' $? >"$scratch/$1.status"
    } 2>/dev/null &
    wait_until 60 test -s "$scratch/$1.pid"
    bridge_pids[$1]=$(<"$scratch/$1.pid")
}

bridge_has_ended() { # out|in
    [[ -s $scratch/$1.status ]]
}

kill_bridge() { # out|in
    bridge_has_ended "$1" || kill -KILL "${bridge_pids[$1]}"
    wait_until 60 bridge_has_ended "$1"
}

bridge_status() { # NAME out|in
    wait_until 120 bridge_has_ended "$2" || kill_bridge "$2"
    check_equal "$drill: $1" 0 "$(<"$scratch/$2.status")" || not_ok "$drill: what it said" "$scratch/$2.err"
}

start_pipeline() { # [MEMBERS-OF-THE-STREAM]
    rm -f -- "$scratch"/{writers,out,in,reader}.err "$scratch/got"
    : >"$scratch/got"
    nats_wait_ready && nats_ask make "$stream" "$stream.>" "$nats_count" "${1:-}" && nats_ask durable "$stream" d || return
    start_writers
    start_bridge out
    start_bridge in
    "$consumer" -q -Q "$to" --output "$scratch/got" --grace 60s 2>>"$scratch/reader.err" &
    reader=$!
}

# For wait_until: so many messages have come out at the end.
has_got() { # COUNT
    (($(stat -c %s "$scratch/got") / line_bytes >= $1))
}

# Waits for the messages to go on. Returns 1, once and for all of the drill, if they stand still.
await() { # COUNT
    ((!stuck)) && wait_until 180 has_got "$1" && return
    stuck=1
    return 1
}

all_heard() {
    [[ $(nats_ask unacked "$stream" d 2>/dev/null) == 0 ]]
}

# Ends what has been started, in its order, and checks the exit statuses.
end_pipeline() {
    wait_until 180 writers_have_ended
    check_equal "$drill: the writers have put all" '0 0 0' "$(cat "$scratch"/writer.* | tr '\n' ' ' | sed 's/ $//')"
    bridge_status 'the bridge out ends with the queue' out
    await "$messages"
    wait_until 60 all_heard || not_ok "$drill: the bridge in acknowledges all" "$scratch/in.err"
    bridge_has_ended in || kill -TERM "${bridge_pids[in]}"
    bridge_status 'the bridge in ends when it is told to' in
    "$monitor" finish -q "$to" 2>>"$scratch/reader.err"
    end_status "$drill: what it put is read to the end" 0 "$reader" "$scratch/reader.err"
}

# What still runs ends with its queue.
kill_pipeline() {
    kill_bridge out
    kill_bridge in
    kill_now "$reader"
    "$monitor" remove -q --force -- "$from"
    "$monitor" remove -q --force -- "$to"
} 2>/dev/null

# Counts lines of LANE NUMBER TEXT on stdin, and compares them with what the lanes brought.
count_lines() {
    awk -v lanes="$lanes" -v each=$((messages / lanes)) -v files="$scratch/lane." '
        BEGIN {
            for (lane = 1; lane <= lanes; lane++)
                while ((getline line < (files lane)) > 0) {
                    split(line, word, " ")
                    sent[lane, word[2]] = line
                }
        }
        { key = $1 SUBSEP $2 }
        !(key in sent) || sent[key] != $0 { strange++; next }
        key in seen { doubled++; next }
        { seen[key] = 1; distinct++; disordered += $2 + 0 < last[$1]; last[$1] = $2 + 0 }
        END { printf "%d lost, %d doubled, %d out of order, %d damaged\n", lanes * each - distinct, doubled, disordered, strange }'
}

# What the rest relies on.
check_count() {
    local doctored
    # Of lane 1: line 1 is missing, 3 is doubled, 5 and 6 change places, 9 is damaged and so is missing, too.
    doctored=$({ sed '1d; 3p; 5{h;d}; 6G; 9s/./x/12' "$scratch/lane.1" && cat "$scratch"/lane.[23]; } | count_lines)
    check_equal 'losses, doubles and inversions are counted' '2 lost, 1 doubled, 1 out of order, 1 damaged' "$doctored"
}

check_arrived() {
    local none='0 lost, 0 doubled, 0 out of order, 0 damaged' found
    found=$(count_lines <"$scratch/got")
    check_equal "$drill: of $messages messages, in the file" "$none" "$found" ||
        not_ok "$drill: what the bridges said" "$scratch/out.err" "$scratch/in.err"
    [[ $drill != stream_full ]] || return # which has been purged
    if ((behind)); then # and may be asked: only the leader's number says something
        check "$drill: of $messages messages, in the stream" nats_count_is "$stream" "$messages"
        return
    fi
    found=$(nats_ask fetch "$stream" | cut -f 2 | count_lines)
    check_equal "$drill: of $messages messages, in the stream" "$none" "$found"
}

# Runs the function of that name while messages go through, and checks what has come out.
run_drill() { # NAME [MEMBERS-OF-THE-STREAM]
    local begun=$EPOCHREALTIME
    drill=$1 stream=storm_$1 stuck=0 behind=0
    new_queue
    from=$queue.a to=$queue.b
    if start_pipeline "${2:-}"; then
        "$1"
        end_pipeline
        check_arrived
        printf '# %s: %d messages, %d ms\n' "$drill" "$messages" "$(milliseconds_since "$begun")"
    else
        not_ok "$drill: a stream can be made"
    fi
    kill_pipeline
    nats_ask remove "$stream" 2>/dev/null
}

# ------------------------------------------------------------------ the drills

bridges_killed() {
    local i
    for ((i = 1; i <= 20; i++)); do
        await $((messages * i / 24)) || return
        random_pause 10
        kill_bridge out
        start_bridge out
        random_pause 10
        kill_bridge in
        start_bridge in
    done
}

has_caught_up() { # I
    local all
    all=$(nats_ask count "$stream" 2>/dev/null) && nats_has_messages "$1" "$stream" "$all"
}

# Waits until a server has all that the others have.
catch_up() { # I
    wait_until 20 has_caught_up "$1" && return
    nats_restart "$1"
    wait_until 20 has_caught_up "$1"
}

# After a kill, nats-server 2.9 sometimes leaves a server behind for good, and loses what it has acknowledged if that one
# is chosen as the next leader. So no leader is killed before the last one has caught up.
leader_killed() {
    local i leader
    for ((i = 1; i <= 5; i++)); do
        await $((messages * i / 7)) || return
        wait_until 60 nats_has_leader "$stream"
        leader=$(nats_leader "$stream")
        nats_kill "$leader"
        wait_until 60 nats_has_leader "$stream" || not_ok "$drill: two servers choose a new leader"
        nats_restart "$leader"
        catch_up "$leader" || break
    done
    if ((i > 5)); then
        ok "$drill: the leader is killed 5 times"
    else
        behind=1
        skip "$drill: the leader is killed 5 times" "after $i kills, nats-server left server $leader behind, as 2.9 does at times"
    fi
}

restart_servers() {
    local i
    for ((i = 1; i <= nats_count; i++)); do
        nats_restart "$i"
    done
}

all_killed() {
    local i
    for i in 1 2; do
        await $((messages * i / 4)) || return
        nats_kill_all
        sleep 1
        restart_servers
    done
}

for_each_server() { # FUNCTION
    local i
    for ((i = 1; i <= nats_count; i++)); do
        "$1" "$i"
    done
}

broker_stopped() {
    local leader
    await $((messages / 4)) || return
    for_each_server nats_stop
    sleep "$stopped"
    for_each_server nats_cont
    await $((messages / 2)) || return
    wait_until 60 nats_has_leader "$stream"
    leader=$(nats_leader "$stream")
    nats_stop "$leader"
    sleep "$stopped"
    nats_cont "$leader"
}

# For wait_until: the servers have stored what the bridge has not heard of, and so has not acknowledged in the queue.
stores_unheard() {
    local stored put left
    stored=$(nats_ask count "$stream" 2>/dev/null)
    put=$(queue_field "$from" put_messages) left=$(queue_field "$from" messages)
    [[ $stored && $put && $left ]] && ((stored > put - left))
}

# For wait_until: 100 messages more than COUNT have been put, or all.
has_put_more() { # COUNT
    writers_have_ended || (($(queue_field "$from" put_messages) > $1 + 100))
}

# The servers remember ids for 1 s. The bridge is killed after they have stored messages that it has not heard of, and
# started again when they have forgotten the ids.
window_passed() {
    local i
    for ((i = 1; i <= (messages > 10000 ? 4 : 1); i++)); do
        await $((messages * i / 10)) || return
        for_each_server nats_stop
        wait_until 60 has_put_more "$(queue_field "$from" put_messages)"
        kill -STOP "${bridge_pids[out]}"
        for_each_server nats_cont
        wait_until 60 stores_unheard || not_ok "$drill: the servers store what the bridge does not hear of"
        kill_bridge out
        sleep 1.5
        start_bridge out
    done
}

is_full() {
    nats_count_is "$stream" $((messages / 4))
}

# The stream refuses messages until some are deleted, and again until it may be larger.
stream_full() {
    local limit=$((messages / 4))
    wait_until 60 is_full || not_ok "$drill: the stream becomes full"
    await "$limit" || return
    nats_ask request "\$JS.API.STREAM.PURGE.$stream" "{\"seq\":$((limit / 2))}" >/dev/null
    await $((limit + limit / 2 - 1)) || return
    wait_until 60 is_full || not_ok "$drill: the stream becomes full again"
    nats_ask update "$stream" "$stream.>" "$nats_count" "$window" || not_ok "$drill: the stream can be made larger"
}

broker_away() {
    await $((messages / 4)) || return
    nats_kill_all
    sleep "$away"
    restart_servers
}

# ------------------------------------------------------------------ a link that can be cut

spaces=()

# The servers stand in a network of their own, and the bridges in another. Returns 1 where that is not permitted.
make_link() {
    local name=${SHMQ_TEST_PREFIX//[!A-Za-z0-9]/}
    command -v ip nsenter >/dev/null || return
    spaces=("shmq$$${name: -8}s" "shmq$$${name: -8}b")
    {
        ip netns add "${spaces[0]}" && ip netns add "${spaces[1]}" &&
            ip -n "${spaces[0]}" link add dev server type veth peer name bridge netns "${spaces[1]}" &&
            ip -n "${spaces[0]}" link set dev lo up && ip -n "${spaces[0]}" link set dev server up &&
            ip -n "${spaces[1]}" link set dev lo up && ip -n "${spaces[1]}" link set dev bridge up &&
            ip -n "${spaces[0]}" address add 10.77.1.1/30 dev server && ip -n "${spaces[1]}" address add 10.77.1.2/30 dev bridge &&
            ip -n "${spaces[0]}" address add 10.77.0.1/32 dev lo && ip -n "${spaces[0]}" address add 10.77.0.2/32 dev lo &&
            ip -n "${spaces[0]}" address add 10.77.0.3/32 dev lo &&
            ip -n "${spaces[1]}" route add 10.77.0.0/24 via 10.77.1.1
    } >"$scratch/link.log" 2>&1
}

remove_link() {
    local name
    for name in "${spaces[@]}"; do
        ip netns delete "$name"
    done 2>/dev/null
}

# Nothing that is sent arrives, and nobody is told.
link_cut() {
    local i
    for i in 1 2; do
        await $((messages * i / 4)) || return
        ip -n "${spaces[0]}" link set dev server down
        sleep "$stopped"
        ip -n "${spaces[0]}" link set dev server up
    done
}

run_link_drill() {
    if ! make_link; then
        skip link_cut "no network namespace can be made here: $(tail -n 1 "$scratch/link.log" 2>/dev/null)"
        return
    fi
    nats_runner=(nsenter --net="/run/netns/${spaces[0]}")
    bridge_runner=(nsenter --net="/run/netns/${spaces[1]}")
    nats_addresses=10.77.0.
    if nats_start 3; then
        run_drill link_cut
    else
        not_ok 'three servers start in a network of their own'
    fi
    nats_stop_all
    remove_link
    nats_runner=() bridge_runner=() nats_addresses=''
}

storm_clean_up() {
    local status=$?
    if [[ $BASHPID == "$$" ]]; then
        nats_stop_all
        remove_link
    fi
    (exit "$status")
    nats_clean_up
}
trap storm_clean_up EXIT

# ------------------------------------------------------------------ all of it

main() {
    local name lane
    local -a drills=("${quick_drills[@]}")
    nats_needed || exit 0
    [[ ! ${SHMQ_BRIDGE_STORM:-} ]] || drills=("${all_drills[@]}")
    [[ ! ${SHMQ_BRIDGE_DRILLS:-} ]] || read -r -a drills <<<"$SHMQ_BRIDGE_DRILLS"
    for ((lane = 1; lane <= lanes; lane++)); do
        make_lines "$lane" $((messages / lanes)) >"$scratch/lane.$lane"
    done
    check_count
    check 'three servers start' nats_start 3 || exit
    for name in "${drills[@]}"; do
        case $name in
        link_cut) continue ;;
        # At the full rate, nats-server 2.9 does not always catch up, and loses what it has acknowledged.
        leader_killed) rate=$((rate / 2)) run_drill "$name" ;;
        window_passed) run_drill "$name" "$window" ;;
        stream_full) run_drill "$name" "$window,\"max_msgs\":$((messages / 4))" ;;
        *) run_drill "$name" ;;
        esac
    done
    nats_stop_all
    [[ " ${drills[*]} " != *' link_cut '* ]] || run_link_drill
}

main
