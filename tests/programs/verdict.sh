#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Whether a queue is damaged: each reader says the same of each kind of damage, with the status that it documents, and
# none crashes. A queue that is truncated while it is read does not keep the others from being shown.
. "$(dirname "$0")/../support/lib.sh"
. "$top/tests/support/screen.sh"

damage=$build/tests/tool_damage
never='messages>1000000000' # a condition of --alert
folder=$scratch/copies
mkdir "$folder"

small() { # QUEUE: of three messages
    queue=$1 put --capacity 64K --lanes 2 --seats 4 -- one two three
}

# ------------------------------------------------------------------ what each reader says

# Prints "sound", "damaged", or what is neither. Lists of all queues are made once, when all of them are there.
in_list() { # QUEUE FILE: a table
    case $(grep "^$1 " "$2") in
    *' damaged'*) echo damaged ;;
    *' ok '* | *' empty '*) echo sound ;;
    *) echo "not listed" ;;
    esac
}

in_json() { # QUEUE FILE
    case $(grep -o "\"name\": *\"$1\".*" "$2") in
    *'"state": "damaged"'* | *'"word":"damaged"'*) echo damaged ;;
    *'"state": "ok"'* | *'"word":"ok"'*) echo sound ;;
    *) echo "not listed" ;;
    esac
}

in_metrics() { # QUEUE FILE
    case $(grep "^shmq_up{queue=\"$1\"}" "$2") in
    *' 0') echo damaged ;;
    *' 1') echo sound ;;
    *) echo "not listed" ;;
    esac
}

in_alerts() { # QUEUE FILE: stderr
    grep -q "^monitor: queue '$1': alert: damaged" "$2" && echo damaged || echo sound
}

by_status() { # STATUS-OF-DAMAGE COMMAND...
    local damaged=$1 status
    shift
    "$@" >"$scratch/out" 2>"$scratch/err"
    status=$?
    if ((status == damaged)); then
        [[ $(<"$scratch/err") == 'monitor: '* ]] && echo damaged || echo "status $status without a word"
    else
        ((status == 0)) && echo sound || echo "status $status"
    fi
}

by_both() { # QUEUE READER COMMAND...: status and output have to agree
    local queue=$1 reader=$2 status said
    shift 2
    status=$(by_status 5 "$@")
    said=$("$reader" "$queue" "$scratch/out")
    [[ $status == "$said" || ($status == damaged && ! -s $scratch/out) ]] && echo "$status" || echo "$status, but prints $said"
}

doctor_says() { # QUEUE: other things may be wrong with the machine, so the status may be 1
    "$monitor" doctor "$1" >"$scratch/out" 2>"$scratch/err"
    case $? in
    0 | 1) echo sound ;;
    5) grep -Eq "^failure  $1: (damaged|cannot be read: damaged)" "$scratch/out" && echo damaged || echo 'another failure' ;;
    *) echo crashed ;;
    esac
}

# An alert ends the wait with 4; what cannot be opened ends it with 5.
wait_says() { # QUEUE
    local said
    said=$(by_status 4 timeout 10 "$monitor" wait --alert "$never" --empty --timeout 0 "$1")
    grep -q 'alert: damaged' "$scratch/err" && echo damaged && return
    [[ $said == 'status 5' ]] && echo damaged && return
    grep -q ': not empty after' "$scratch/err" && echo sound || echo "$said"
}

save_says() { # QUEUE
    local said
    said=$(by_status 5 "$monitor" save "$1" "$folder/$1")
    if [[ $said == damaged && -e $folder/$1 ]]; then
        cmp -s "/dev/shm/shmq.$1" "$folder/$1" || said='damaged, but another copy'
        grep -q ' as it is: ' "$scratch/err" || said='damaged, but not by what'
        [[ $("$monitor" check "$folder/$1" 2>&1 >/dev/null) ]] || said='damaged, but the copy is sound'
    fi
    echo "$said"
}

verdict_of() { # READER QUEUE
    local one=$scratch/$2.prom
    case $1 in
    list) in_list "$2" "$scratch/list.txt" ;;
    list-json) in_json "$2" "$scratch/list.json" ;;
    list-prometheus) in_metrics "$2" "$scratch/list.prom" ;;
    list-alert) in_alerts "$2" "$scratch/list.err" ;;
    list-alert-dead) in_alerts "$2" "$scratch/list-dead.err" ;;
    metrics-textfile) in_metrics "$2" "$scratch/textfile.prom" ;;
    metrics-one) "$monitor" metrics --textfile "$one" "$2" && in_metrics "$2" "$one" ;;
    metrics-served) in_metrics "$2" "$scratch/served.prom" ;;
    state-json) in_json "$2" "$scratch/state.json" ;;
    show) by_both "$2" in_shown "$monitor" show "$2" ;;
    show-json) by_both "$2" in_json "$monitor" show --json "$2" ;;
    show-prometheus) by_both "$2" in_metrics "$monitor" show --prometheus "$2" ;;
    show-alert) by_status 5 "$monitor" show --alert "$never" "$2" ;;
    wait-alert) wait_says "$2" ;;
    check) by_status 5 "$monitor" check "$2" ;;
    check-json) by_both "$2" in_checked "$monitor" check --json "$2" ;;
    doctor) doctor_says "$2" ;;
    events) by_status 5 "$monitor" events "$2" ;;
    peek) by_status 5 "$monitor" peek "$2" ;;
    peek-one) by_status 5 "$monitor" peek "$2" 1 ;;
    save) save_says "$2" ;;
    esac
}

in_shown() { # QUEUE FILE
    grep -q '^  state  *damaged\|damaged' "$2" && echo damaged || echo sound
}

in_checked() { # QUEUE FILE
    case $(<"$2") in
    *'"sound": false}'*) echo damaged ;;
    *'"sound": true}'*) echo sound ;;
    *) echo "not said" ;;
    esac
}

readers="list list-json list-prometheus list-alert list-alert-dead metrics-textfile metrics-one show show-json show-prometheus
    show-alert wait-alert check check-json doctor events peek peek-one save"

serve() { # QUEUE...: what the server says of them
    "$monitor" metrics --listen 127.0.0.1:0 "$@" 2>"$scratch/serve.err" &
    local server=$! address
    wait_until 20 grep -q 'listening on' "$scratch/serve.err"
    address=$(sed -n 's|.*\(http://.*\)/$|\1|p' "$scratch/serve.err")
    curl -sS --max-time 10 "$address/metrics" >"$scratch/served.prom"
    curl -sS --max-time 10 "$address/state.json" | sed 's/{"name"/\n&/g' >"$scratch/state.json"
    kill "$server"
    wait "$server"
}

# ------------------------------------------------------------------ the table

mapfile -t kinds < <("$damage" --kinds)
sound=$SHMQ_TEST_PREFIX.sound
small "$sound"
for kind in "${kinds[@]}"; do
    small "$SHMQ_TEST_PREFIX.$kind"
    "$damage" "$SHMQ_TEST_PREFIX.$kind" "$kind" || not_ok "$kind: is made"
done
check 'there are kinds of damage' test "${#kinds[@]}" -ge 15

check_status 'list: a damaged queue is no failure of the list' 0 "$monitor" list
mv "$scratch/out" "$scratch/list.txt"
"$monitor" list --json >"$scratch/list.json"
"$monitor" list --prometheus >"$scratch/list.prom"
check_status 'list --alert: exit 4' 4 "$monitor" list --alert "$never"
mv "$scratch/err" "$scratch/list.err"
check_status 'list --alert, which looks at all seats: exit 4' 4 "$monitor" list --alert 'dead>1000000000'
mv "$scratch/err" "$scratch/list-dead.err"
check_status 'metrics --textfile: exit 0' 0 "$monitor" metrics --textfile "$scratch/textfile.prom"
if [[ -x $build/monitor-metrics ]] && command -v curl >/dev/null; then
    serve "$sound" "${kinds[@]/#/$SHMQ_TEST_PREFIX.}"
    readers+=' metrics-served state-json'
fi

disagreeing() { # QUEUE VERDICT [READER...]: prints the readers that say something else
    local reader said
    for reader in ${3:-$readers}; do
        said=$(verdict_of "$reader" "$1")
        [[ $said == "$2" ]] || printf '%s: %s\n' "$reader" "$said"
    done
}
check_equal 'sound: all say so' '' "$(disagreeing "$sound" sound)"
for kind in "${kinds[@]}"; do
    case $kind in
    stream | claim | mark-all | drop-end | lanes | middle | buffer) some='list list-json show check save' ;; # relatives of others
    *) some=$readers ;;
    esac
    check_equal "$kind: all say damaged" '' "$(disagreeing "$SHMQ_TEST_PREFIX.$kind" damaged "$some")"
done
check_status 'a sound queue stays so' 0 "$monitor" check "$sound"
for kind in mark tail seat state; do
    check_status "wait --empty: $kind: exit 5, at once" 5 timeout 20 "$monitor" wait --empty "$SHMQ_TEST_PREFIX.$kind"
done

if [[ -x $build/monitor-top ]] && command -v tmux >/dev/null; then
    screen_start 100 30
    screen_type "'$monitor' top $SHMQ_TEST_PREFIX.seat" Enter
    check 'top: says damaged' wait_until 20 screen_shows 'damaged'
    screen_type q
    screen_end
fi

# ------------------------------------------------------------------ many messages

# Of many messages in a row, all but a few are read by those alone that read everything.
many=$SHMQ_TEST_PREFIX.many
seq 100000 | queue=$many put --capacity 16M
"$damage" "$many" middle
for reader in list show; do
    "$monitor" list >"$scratch/list.txt"
    check_equal "in the middle of many messages: $reader does not read it" sound "$(verdict_of "$reader" "$many")"
done
for reader in check doctor save; do
    check_equal "in the middle of many messages: $reader reads it" damaged "$(verdict_of "$reader" "$many")"
done
for kind in record mark stream; do
    seq 100000 | queue=$many.$kind put --capacity 16M
    "$damage" "$many.$kind" "$kind"
    check_equal "$kind: at the head of many messages: all who look see it" 'damaged damaged damaged damaged' \
        "$("$monitor" list >"$scratch/list.txt"; for reader in list show events check; do verdict_of "$reader" "$many.$kind"; done | paste -sd' ')"
done
for reader in show peek; do
    check_equal "$reader says so in the words of events" "$("$monitor" events "$many.mark" 2>&1 >/dev/null)" \
        "$("$monitor" $reader "$many.mark" 2>&1 >/dev/null)"
done

# ------------------------------------------------------------------ truncated while it is looked at

moving=$SHMQ_TEST_PREFIX.aa.moving
small "$moving"
"$damage" "$moving" flicker &
flicker=$!
is_cut() {
    "$monitor" list | grep -q "^$moving .*damaged"
}
wait_until 20 is_cut

: >"$scratch/watch.txt"
"$monitor" list --watch=0.005 >"$scratch/watch.txt" 2>"$scratch/watch.err" &
watcher=$!
looks() { # AT-LEAST
    (($(grep -c "^$sound " "$scratch/watch.txt") >= $1)) || ! kill -0 "$watcher" 2>/dev/null
}
wait_until 60 looks 60
check 'list --watch goes on' kill -0 "$watcher"
kill -TERM "$watcher"
wait "$watcher"
check_equal 'list --watch: until it is stopped' 0 $?
check_equal 'list --watch: each look shows the others' "$(grep -c '^NAME' "$scratch/watch.txt")" \
    "$(grep -c "^$sound .*ok" "$scratch/watch.txt")"
check_equal 'list --watch: and that one is damaged' '' "$(grep "^$moving " "$scratch/watch.txt" | grep -v damaged)"
check_equal 'list --watch: nothing else is said' '' "$(<"$scratch/watch.err")"

again() { # STATUSES FILE WHAT COMMAND...: prints what is wrong: another status, or WHAT is missing in FILE
    local i status statuses=$1 file=$2 what=$3
    shift 3
    for ((i = 0; i < 15; i++)); do
        "$@" >"$scratch/out" 2>"$scratch/err"
        status=$?
        [[ " $statuses " == *" $status "* ]] || { echo "status $status: $(<"$scratch/err")"; return; }
        grep -q "$what" "$file" || { echo "$what is missing"; return; }
    done
}
check_equal 'list shows the others' '' "$(again 0 "$scratch/out" "^$sound .*ok" "$monitor" list)"
check_equal 'list --alert says which one' '' "$(again 4 "$scratch/err" "'$moving': alert: damaged" "$monitor" list --alert "$never")"
check_equal 'doctor shows the others' '' "$(again '1 5' "$scratch/out" " $sound: all invariants hold" "$monitor" doctor)"
check_equal 'metrics have the others' '' \
    "$(again 0 "$scratch/moving.prom" "^shmq_up{queue=\"$sound\"} 1" "$monitor" metrics --textfile "$scratch/moving.prom")"
kill_now "$flicker"
check_status 'and the other one is sound all the time' 0 "$monitor" check "$sound"
