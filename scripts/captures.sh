#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes the captures that README.md shows, of queues that it starts: docs/images/top.svg, docs/images/top-list.svg and
# docs/images/web.png.
set -u

top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
build=${SHMQ_BUILD_DIR:-$top/build}
images=$top/docs/images

usage() {
    printf '%s\n' "Usage: ${0##*/} [--seconds N] top|web..." \
        'Makes the captures that README.md shows, into docs/images/. Needs tmux for top,' \
        'chromium for web, and a /dev/shm of its own (unshare --mount), so that no other queue is' \
        'on them.' '' \
        '      --seconds N    let the queues run for N seconds first (75)'
}

fail() { # TEXT
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit 1
}

# ------------------------------------------------------------------ queues with something to see

# Everything is started here, and ended when this script ends.
start() { # COMMAND...
    "$@" >/dev/null 2>&1 &
    started+=($!)
}

kill_now() { # PID
    kill -KILL "$1"
    wait "$1"
} 2>/dev/null

start_queues() {
    local producer=$build/producer consumer=$build/consumer
    # Orders come faster than they are taken, and one of the consumers will be stopped.
    "$producer" -q -Q orders --capacity 2M </dev/null
    start "$producer" -Q orders --random --delay 1ms:2ms
    start "$producer" -Q orders --random --delay 1ms:2ms
    start "$consumer" -Q orders --follow --discard --work 2ms:4ms
    killed=${started[-1]}
    start "$consumer" -Q orders --follow --discard --work 2ms:4ms
    start "$consumer" -Q orders --follow --discard --work 20ms
    stopped=${started[-1]}
    # Nobody takes these.
    start "$producer" -Q archive --capacity 64K --random --delay 1ms
    # These keep up.
    "$producer" -q -Q mail </dev/null
    start "$producer" -Q mail --random --delay 5ms:20ms
    start "$consumer" -Q mail --follow --discard --work 1ms:5ms
    "$producer" -q -Q thumbnails --capacity 64K </dev/null
    start "$producer" -Q thumbnails --random --delay 2ms:4ms
    start "$consumer" -Q thumbnails --follow --discard --work 2ms:5ms
    "$producer" -q -Q mail.dead -- 'no such address' 'mailbox full' 'no such host'
    seq 1 400 | "$producer" -q -Q night
    "$build/monitor" pause -q night
}

# Once, whatever is captured: a consumer is stopped, and another is killed and started again.
make_trouble() {
    [[ $killed ]] || return
    sleep $((seconds / 2))
    kill -STOP "$stopped"
    kill_now "$killed"
    killed=''
    start "$build/consumer" -Q orders --follow --discard --work 2ms:4ms
    sleep $((seconds / 2))
}

# ------------------------------------------------------------------ top

in_tmux() { # COMMAND...
    tmux -u -S "$scratch/tmux" -f /dev/null "$@"
}

capture() { # FILE COLUMNS TITLE
    in_tmux capture-pane -e -N -p | LC_ALL=C awk -v columns="$2" -v title="$3" -f "$top/scripts/screen_svg.awk" >"$1.new" &&
        mv -- "$1.new" "$1" && printf '%s\n' "$1"
}

capture_top() {
    local columns=100 rows=30
    command -v tmux >/dev/null || fail 'tmux is missing (apt-get install tmux)'
    [[ -x $build/monitor-top ]] || fail "$build/monitor-top is missing (apt-get install libncurses-dev pkg-config, then make)"
    in_tmux new-session -d -x "$columns" -y "$rows" "env -u NO_COLOR LC_ALL=C.UTF-8 '$build/monitor' top orders" ||
        fail 'tmux: cannot be started'
    in_tmux set -g status off
    in_tmux resize-window -x "$columns" -y "$rows"
    make_trouble
    capture "$images/top.svg" "$columns" 'monitor top orders'
    in_tmux send-keys Escape g j j
    in_tmux resize-window -x "$columns" -y 14
    sleep 1
    capture "$images/top-list.svg" "$columns" 'monitor top'
    in_tmux send-keys q
}

# ------------------------------------------------------------------ the web page

# From the beginning, so that the page shows what was before.
start_server() {
    "$build/monitor" metrics --listen 127.0.0.1:0 2>"$scratch/server" &
    started+=($!)
    until grep -q 'listening on' "$scratch/server"; do
        kill -0 $! 2>/dev/null || fail "$(cat "$scratch/server")"
        sleep 0.1
    done
    url=$(sed -n 's/.*listening on //p' "$scratch/server")
}

capture_web() {
    local browser
    browser=$(command -v chromium || command -v chromium-browser) || fail 'chromium is missing (apt-get install chromium)'
    make_trouble
    "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --hide-scrollbars \
        --user-data-dir="$scratch/profile" --window-size=1180,1060 --virtual-time-budget=6000 \
        --screenshot="$scratch/web.png" "$url#orders" 2>"$scratch/browser" ||
        fail "$browser: $(tail -n 1 "$scratch/browser")"
    ! command -v pngquant >/dev/null || pngquant --force --output "$scratch/web.png" 128 "$scratch/web.png"
    mv -- "$scratch/web.png" "$images/web.png" && printf '%s\n' "$images/web.png"
}

# ------------------------------------------------------------------ main

seconds=75
what=()
while (($#)); do
    case $1 in
    --help) usage && exit ;;
    --seconds) seconds=${2:-75} && shift ;;
    top | web) what+=("$1") ;;
    *) usage >&2 && exit 2 ;;
    esac
    shift
done
((${#what[@]})) || { usage >&2 && exit 2; }

if [[ -z ${SHMQ_CAPTURES_ALONE:-} ]]; then
    for options in '--mount' '--map-root-user --mount'; do
        # shellcheck disable=SC2086 # several words
        unshare $options true 2>/dev/null || continue
        # shellcheck disable=SC2016,SC2086 # the other shell's; several words
        SHMQ_CAPTURES_ALONE=1 exec unshare $options bash -c 'mount -t tmpfs tmpfs /dev/shm && exec "$0" "$@"' \
            "$0" --seconds "$seconds" "${what[@]}"
    done
    fail 'a /dev/shm of its own: unshare --mount is not permitted here'
fi

scratch=$(mktemp -d) || exit 1
started=()
stopped='' killed=''
clean_up() {
    in_tmux kill-server
    for pid in "${started[@]}"; do
        kill -KILL "$pid"
    done
    wait
    rm -rf -- "$scratch"
} 2>/dev/null
trap clean_up EXIT
trap 'exit 130' INT TERM
mkdir -p -- "$images"
start_queues
[[ " ${what[*]} " != *' web '* ]] || start_server
for one in "${what[@]}"; do
    "capture_$one"
done
