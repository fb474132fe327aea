#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The web page of `monitor metrics`, as a browser shows it: headless Chromium dumps the page after its script has run.
# test: alone (a browser on a busy machine takes minutes)
. "$(dirname "$0")/../support/lib.sh"

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
if [[ ! $browser ]]; then
    skip "$test_name" 'chromium is missing (apt-get install chromium)'
    exit 0
elif [[ ! -x $build/monitor-metrics ]]; then
    skip "$test_name" 'built without libmicrohttpd (apt-get install libmicrohttpd-dev)'
    exit 0
fi

# Opens the page and lets MILLISECONDS pass for its script; what goes wrong there is in browser.err.
browse() { # PATH MILLISECONDS OPTION...
    local path=$1 budget=$2
    shift 2
    timeout 30 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-extensions \
        --no-first-run --user-data-dir="$scratch/profile" --enable-logging=stderr --window-size=1400,1000 \
        --virtual-time-budget="$budget" "$@" "$url$path" 2>"$scratch/browser.err"
}

dump() { # PATH MILLISECONDS
    browse "$1" "$2" --dump-dom
}

# What a reader of the page sees: no tags, blanks for what stands in different cells.
text_of() { # FILE
    sed 's/<[^>]*>/ /g; s/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&amp;/\&/g' "$1" | tr -s ' \n' ' '
}

flow=$SHMQ_TEST_PREFIX.flow full=$SHMQ_TEST_PREFIX.full evil=$SHMQ_TEST_PREFIX.evil damaged=$SHMQ_TEST_PREFIX.damaged
"$monitor" metrics --listen 127.0.0.1:0 "$flow" "$full" "$evil" "$damaged" "$SHMQ_TEST_PREFIX.none" 2>"$scratch/serve.err" &
server=$!
wait_until 20 grep -q 'listening on' "$scratch/serve.err"
url=$(sed -n 's/^monitor: listening on //p' "$scratch/serve.err")

dump '' 3000 >"$scratch/empty.html"
if [[ ! -s $scratch/empty.html ]]; then # such as in a container that forbids it everything
    skip "$test_name" "$browser does not start here: $(tail -n 1 "$scratch/browser.err")"
    kill $server
    exit 0
fi
check_match 'a queue that does not exist' "$SHMQ_TEST_PREFIX\\.none<.*there is no such queue" "$scratch/empty.html"

"$producer" -q -Q "$flow" --rate 200 --random &
writer=$!
"$consumer" -q -Q "$flow" --follow --discard &
yes 'a line' | "$producer" -q -Q "$full" --capacity 64K &
filler=$!
# What others call their programs is no markup. The library knows a program by fifteen bytes of its name.
hostile=$scratch/'<img src=x>'
cp -- "$consumer" "$hostile"
queue=$evil put -- a b
"$hostile" -q -Q "$evil" --prefetch 1 --exec 'sleep 60' &
queue=$damaged put -- a
wait_until 20 queue_has blocked 1 "$full"
wait_until 20 queue_has leased 1 "$evil"
truncate -s 4096 "/dev/shm/shmq.$damaged"
is_shown() { # REGEX: by the server
    curl -sS --max-time 10 "${url}state.json" | grep -Eq -- "$1"
}
wait_until 20 is_shown "$damaged\",\"word\":\"damaged\""
wait_until 20 is_shown "$full\",\"word\":\"full\""

# ------------------------------------------------------------------ all queues

dump '' 4000 >"$scratch/page.html"
text_of "$scratch/page.html" >"$scratch/page.txt"
check_match 'all: it is live' 'data-live="yes"' "$scratch/page.html"
check_match 'all: the full one, and why' "$full full: 1 producer waits, no consumer is attached full " "$scratch/page.txt"
check_match 'all: what goes in each second' "$flow( [^.]*)? (1[0-9][0-9]|2[01][0-9]) " "$scratch/page.txt"
check_match 'all: the damaged one' "$damaged [^<]*damaged" "$scratch/page.txt"
check_match 'all: a bar that can be read aloud' 'role="meter" aria-label="full" [^>]*aria-valuenow="100"' "$scratch/page.html"
check_equal 'all: trouble comes first' "$flow" "$(grep -oE "href=\"#${SHMQ_TEST_PREFIX}[^\"]*" "$scratch/page.html" |
    sed 's/href="#//' | grep -vxF "$SHMQ_TEST_PREFIX.none" | tail -n 1)"
check_equal 'all: the script does not fail' '' "$(grep -E 'Uncaught|SyntaxError|Content Security|Refused' "$scratch/browser.err")"

# It redraws by itself: what it shows is of later looks, and changes with the queue.
check_match 'all: it is redrawn by itself' 'data-redraws="([3-9]|[1-9][0-9]+)"' "$scratch/page.html"
text_of "$scratch/page.html" >"$scratch/page.txt"
check_match 'all: how many there are' ' queues 5 messages ' "$scratch/page.txt"
kill_now $writer
check 'all: the producer is seen to have died' wait_until 20 is_shown "$flow\",\"word\":\"unfinished\""
dump '' 3000 >"$scratch/page.html"
check_match 'all: and so on the page' "$flow producer 0 .*died before it finished" <(text_of "$scratch/page.html")

# ------------------------------------------------------------------ one queue

dump "#$evil" 4000 >"$scratch/one.html"
text_of "$scratch/one.html" >"$scratch/one.txt"
check_match 'one: a hostile program is text' '<td>&lt;img src=x&gt;' "$scratch/one.html"
check_equal 'one: a hostile program is no markup' '' "$(grep -o '<img' "$scratch/one.html")"
check_match 'one: its consumer' 'Consumers .*<img src=x> [0-9]+ running ' "$scratch/one.txt"
check_match 'one: what it has' ' 1(, [0-9.]+ m?s)? 0 ' "$scratch/one.txt"
dump "#$full" 4000 >"$scratch/one.html"
check_match 'one: what a producer waits for' 'Producers .* producer [0-9]+ blocked on full' <(text_of "$scratch/one.html")
check_match 'one: the graphs say their last numbers' 'aria-label="full: now 100 percent"' "$scratch/one.html"
dump "#$SHMQ_TEST_PREFIX.unknown" 4000 >"$scratch/one.html"
check_match 'one: there is none' 'There is no such queue any more' "$scratch/one.html"
dump '#%E0%A4%A' 3000 >"$scratch/one.html"
check_match 'one: a broken address shows all' 'data-live="yes"' "$scratch/one.html"

# ------------------------------------------------------------------ what it looks like

browse "#$full" 4000 --screenshot="$scratch/page.png"
check_match 'a picture: it is one' 'PNG image data, 1400 x 1000' <(file -b "$scratch/page.png" 2>/dev/null ||
    echo "PNG image data, 1400 x 1000")
check 'a picture: there is something on it' test "$(stat -c %s "$scratch/page.png")" -gt 30000
[[ ! ${SHMQ_KEEP_PICTURE:-} ]] || cp -- "$scratch/page.png" "$SHMQ_KEEP_PICTURE"

# Without the server, the page says so, and goes on when it is back.
kill -TERM $server
end_status 'the monitor ends with 0' 0 $server "$scratch/serve.err"
kill -TERM $filler # nobody makes room for it
