#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Metrics of queues: written to a file, and served over HTTP, to clients of any kind and with queues of any kind.
. "$(dirname "$0")/../support/lib.sh"

metrics() { # OPTION...: with a time limit
    timeout 30 "$monitor" metrics "$@"
}

# ------------------------------------------------------------------ wrong use

check_usage monitor "$monitor" '--listen nowhere' metrics --listen nowhere
check_usage monitor "$monitor" '--listen 127.0.0.1:65536' metrics --listen 127.0.0.1:65536
check_usage monitor "$monitor" '--listen localhost' metrics --listen localhost
check_usage monitor "$monitor" '--listen and --textfile' metrics --listen :0 --textfile x
check_usage monitor "$monitor" '--interval' metrics --interval 1s
check_usage monitor "$monitor" 'a/b: not a queue' metrics a/b
check_usage monitor "$monitor" 'list: takes no --textfile' list --textfile x

# ------------------------------------------------------------------ a file

new_queue
first=$queue
put -- one two three
new_queue
put -- four
mkdir "$scratch/collector"
file=$scratch/collector/shmq.prom
check_status 'a file: exit 0' 0 metrics --textfile "$file"
check_equal 'a file: says nothing' '' "$(cat "$scratch/out" "$scratch/err")"
check 'a file: one queue' grep -qxF "shmq_messages{queue=\"$first\"} 3" "$file"
check 'a file: the other' grep -qxF "shmq_messages{queue=\"$queue\"} 1" "$file"
check 'a file: lanes' grep -qxF "shmq_lane_messages{queue=\"$first\",lane=\"0\"} 3" "$file"
check_equal 'a file: nothing is left beside it' shmq.prom "$(ls -A "$scratch/collector")"
(umask 022 && metrics --textfile "$file")
check_equal 'a file: others may read it' 644 "$(stat -c %a "$file")"
check_status 'a file: of one queue: exit 0' 0 metrics --textfile "$file" "$queue"
check_equal 'a file: of one queue' "shmq_messages{queue=\"$queue\"} 1" "$(grep '^shmq_messages' "$file")"
check_status 'a file: of a queue that is missing: exit 0' 0 metrics --textfile "$file" "$SHMQ_TEST_PREFIX.none"
check_match 'a file: the help says when a queue is not up' '^# HELP shmq_up .*missing, forbidden, damaged, foreign or incomplete' "$file"
check 'a file: a queue that is missing is not up' grep -qxF "shmq_up{queue=\"$SHMQ_TEST_PREFIX.none\"} 0" "$file"
echo old >"$file"
check_status 'a file: the folder is missing: exit 1' 1 metrics --textfile "$scratch/none/shmq.prom"
check_match 'a file: the folder is missing: says so' '^monitor: .*/none/shmq.prom: cannot be written: No such' "$scratch/err"
mkdir "$scratch/collector/folder.prom"
check_status 'a file: it is a folder: exit 1' 1 metrics --textfile "$scratch/collector/folder.prom"
check_equal 'a file: it is a folder: nothing is left beside it' 'folder.prom shmq.prom' \
    "$(find "$scratch/collector" -mindepth 1 -printf '%f\n' | sort | tr '\n' ' ' | sed 's/ $//')"
rmdir "$scratch/collector/folder.prom"
mkfifo "$scratch/collector/fifo"
ln -s fifo "$scratch/collector/link"
for name in fifo link; do
    check_status "a file: no plain file, but a $name: exit 1" 1 metrics --textfile "$scratch/collector/$name"
    check_match "a file: no plain file, but a $name: says so" 'exists and is not a regular file' "$scratch/err"
    check "a file: no plain file, but a $name: it stays" test -p "$scratch/collector/$name"
done
rm "$scratch/collector/fifo" "$scratch/collector/link"
if [[ -c /dev/full ]]; then
    ln -s /dev/full "$file.new"
    check_status 'a file: a link in the way: exit 1' 1 metrics --textfile "$file"
    check_equal 'a file: a link in the way: the old one stays' old "$(<"$file")"
    rm "$file.new"
fi

# As with other filters, - is standard output.
check_status 'standard output: exit 0' 0 env -C "$scratch/collector" "$monitor" metrics --textfile - "$queue"
check_match 'standard output: has the metrics' "^shmq_up\\{queue=\"$queue\"\\} 1$" "$scratch/out"
metrics --textfile "$file" "$queue"
check_equal 'standard output: the same as in a file' "$(sed 's/ [^ ]*$//' "$file")" "$(sed 's/ [^ ]*$//' "$scratch/out")"
check_equal 'standard output: no file is made' shmq.prom "$(ls -A "$scratch/collector")"
if [[ -e /dev/full ]]; then
    "$monitor" metrics --textfile - >/dev/full 2>"$scratch/err"
    check_equal 'standard output: it is full: exit 1' 1 $?
    check_match 'standard output: it is full: is said' '^monitor: standard output: cannot be written: No space left' "$scratch/err"
fi
check_usage monitor "$monitor" "--interval: standard output is written once" metrics --textfile - --interval 1s
check_status 'a file called -: exit 0' 0 env -C "$scratch/collector" "$monitor" metrics --textfile ./-
check 'a file called -: is made' test -f "$scratch/collector/-"
rm -f "$scratch/collector/-"

# Whoever reads it while it is written again and again, by two programs, reads it whole.
last=$(metrics --textfile "$file" && tail -n 1 "$file" | cut -d " " -f 1)
"$monitor" metrics --textfile "$file" --interval 1ms &
pid=$!
"$monitor" metrics --textfile "$file" --interval 1ms &
other=$!
inode=$(stat -c %i "$file")
was_replaced() { [[ $(stat -c %i "$file") != "$inode" ]]; }
check 'again and again: it is written' wait_until 10 was_replaced
torn=0
for ((i = 0; i < 300; i++)); do
    mapfile -t lines <"$file"
    [[ ${lines[-1]:-} == "$last "+([0-9]) ]] || torn=$((torn + 1))
done
check_equal 'again and again: it is always whole' 0 "$torn"
kill -KILL $other
wait $other 2>/dev/null
mv "$scratch/collector" "$scratch/away"
fails_now() { grep -q 'cannot be written' "$scratch/loop.err"; }
kill -TERM $pid
end_status 'again and again: TERM ends it with 0' 0 $pid
mv "$scratch/away" "$scratch/collector"
check_status 'after a kill: exit 0' 0 metrics --textfile "$file"
check_equal 'after a kill: nothing is left beside it' shmq.prom "$(ls -A "$scratch/collector")"
inode=$(stat -c %i "$file")
"$monitor" metrics --textfile "$file" --interval 10ms 2>"$scratch/loop.err" &
pid=$!
wait_until 10 was_replaced
mv "$scratch/collector" "$scratch/away"
check 'the folder is gone for a while: it says so' wait_until 10 fails_now
mv "$scratch/away" "$scratch/collector"
inode=$(stat -c %i "$file")
check 'the folder is gone for a while: it goes on' wait_until 10 was_replaced
kill -INT $pid # ignored by jobs of a shell
kill -TERM $pid
end_status 'the folder is gone for a while: TERM ends it with 0' 0 $pid

# It needs no other program; to serve them, it does.
mkdir "$scratch/alone"
cp -- "$monitor" "$scratch/alone/"
check_status 'alone: a file: exit 0' 0 timeout 30 "$scratch/alone/monitor" metrics --textfile "$file"
check_status 'alone: cannot serve: exit 1' 1 timeout 30 "$scratch/alone/monitor" metrics --listen :0
check_match 'alone: cannot serve: says what to install' 'monitor-metrics is missing: .*apt-get install libmicrohttpd-dev' "$scratch/err"

if [[ ! -x $build/monitor-metrics ]]; then
    skip 'metrics over HTTP' 'built without libmicrohttpd (apt-get install libmicrohttpd-dev)'
    exit 0
fi

# ------------------------------------------------------------------ over HTTP

# Starts a server; sets pid and url.
serve() { # OPTION...
    : >"$scratch/serve.err"
    "$monitor" metrics --listen 127.0.0.1:0 "$@" 2>"$scratch/serve.err" &
    pid=$!
    wait_until 20 grep -q 'listening on' "$scratch/serve.err"
    url=$(sed -n 's/^monitor: listening on //p' "$scratch/serve.err")
}

ask() { # PATH CURL-OPTION...
    local path=$1
    shift
    curl -sS --max-time 20 "$@" "$url$path" 2>&1
}

status_of() { # PATH CURL-OPTION...
    ask "$@" -o /dev/null -w '%{http_code}'
}

header_of() { # NAME PATH
    ask "$2" -o /dev/null -D - | tr -d '\r' | sed -n "s/^$1: //p"
}

has_metric() { # LINE
    grep -qxF -- "$1" <<<"$(ask metrics)"
}

serve
check_match 'serves: says where' '^monitor: listening on http://127\.0\.0\.1:[1-9][0-9]*/$' "$scratch/serve.err"
check_equal 'serves: /healthz' ok "$(ask healthz)"
check_match 'serves: /metrics is what --textfile writes' "^shmq_messages\{queue=\"$first\"\} 3$" <(ask metrics)
check_equal 'serves: /metrics has the type that Prometheus asks for' 'text/plain; version=0.0.4; charset=utf-8' \
    "$(header_of Content-Type metrics)"
metrics --textfile "$file" "$first"
check_equal 'serves: the same metrics of a queue that rests as --textfile' \
    "$(grep -F "\"$first\"" "$file" | grep -v _ns | grep -v _seconds | sort)" \
    "$(ask metrics | grep -F "\"$first\"" | grep -v _ns | grep -v _seconds | sort)"
check_match 'serves: the state of the queue' "\"name\":\"$first\".*\"messages\":3" <(ask state.json)
check_match 'serves: one queue' "\"queue\":\{\"name\":\"$first\".*\"lanes\":\[\{\"number\":0" <(ask "queue.json?name=$first")
check_match 'serves: the page' '<title>shmq</title>' <(ask '')
check_match 'serves: the page may use nothing else' "default-src 'none'; script-src 'self';" <(header_of Content-Security-Policy '')
check_equal 'serves: its script' text/javascript "$(header_of Content-Type page.js | cut -d ';' -f 1)"
check_equal 'serves: HEAD' 200 "$(status_of metrics --head)"
for method in POST PUT DELETE PATCH OPTIONS BREW; do
    check_equal "only reads: $method" 405 "$(status_of metrics -X $method)"
done
check_match 'only reads: says what it takes' '^Allow: GET, HEAD' <(ask metrics -X POST -o /dev/null -D -)
check_equal 'only reads: a body' 405 "$(status_of metrics --data-binary "@$file")"
check_equal 'no such path' 404 "$(status_of nothing)"
check_equal 'no way out of the folder' 404 "$(status_of ../../etc/passwd --path-as-is)"
check_equal 'no such queue' 404 "$(status_of "queue.json?name=$SHMQ_TEST_PREFIX.none")"
check_equal 'no name of a queue' 400 "$(status_of 'queue.json?name=../x')"
check_equal 'no name of a queue, but it begins with one' 400 "$(status_of "queue.json?name=$first%00x")"
check_equal 'no name of a queue, but markup' 400 "$(status_of 'queue.json?name=<script>alert(1)</script>')"
check_equal 'no name' 400 "$(status_of queue.json)"
check_equal "another site's name" 403 "$(status_of metrics -H 'Host: attacker.example')"
check_equal "another site's name that begins like ours" 403 "$(status_of metrics -H 'Host: localhost.attacker.example')"
check_equal 'our name' 200 "$(status_of metrics -H "Host: localhost:${url##*:}")"
check_equal 'our address' 200 "$(status_of metrics -H "Host: 127.0.0.1")"
check_equal 'a long head' 431 "$(status_of metrics -H "X-Long: $(head -c 30000 /dev/zero | tr '\0' x)")"
exec {web}<>"/dev/tcp/127.0.0.1/$(tr -dc 0-9 <<<"${url##*:}")"
head -c 1000 /dev/urandom >&"$web"
exec {web}>&-
check_equal 'noise: another is answered' 200 "$(status_of metrics)"
check_status 'the address is taken: exit 1' 1 metrics --listen "127.0.0.1:$(tr -dc 0-9 <<<"${url##*:}")"
check_match 'the address is taken: says so' '^monitor: 127\.0\.0\.1:[0-9]+: .*Address already in use .*--listen' "$scratch/err"
check_status 'the address is not of this host: exit 1' 1 metrics --listen 192.0.2.1:0
check_match 'the address is not of this host: says so' '^monitor: 192\.0\.2\.1:0: .*\(this host has no such address' "$scratch/err"
if ((EUID == 0)) && command -v setpriv >/dev/null && (($(</proc/sys/net/ipv4/ip_unprivileged_port_start) > 80)); then
    check_status 'a port of root alone: exit 1' 1 timeout 30 setpriv --reuid=65534 --clear-groups "$monitor" metrics --listen 127.0.0.1:80
    check_match 'a port of root alone: says so' '^monitor: 127\.0\.0\.1:80: .*Permission denied \(ports below 1024' "$scratch/err"
else
    skip 'a port of root alone' 'needs root and setpriv'
fi

# ------------------------------------------------------------------ the JSON is documented, field by field

# Whose every part is there: a lane, a bridge in a seat, times, events.
next_queue
put -- a b
"$consumer" -q -Q "$queue" --count 1 --discard
exec {words}> >(exec "$build/tests/tool_bridge" "$queue" >"$scratch/bridge.log")
fields_of() { # PATH: as the document writes them
    ask "$1" | jq -r --arg name "$queue" '(if .queues then .queue = (.queues[] | select(.name == $name)) | del(.queues) else . end)
        | paths(type != "object") | map(if type == "number" then "[]" else "." + . end) | add[1:]' |
        sed 's/\(fills\|ins\|outs\)\[\]$/\1/' | grep -v '\[\]$' | grep -vx 'queue\.\(lanes\|seats\|events\)' | LC_ALL=C sort -u
}
documented() { # TABLE...: by its number in the section
    awk -v tables=" $* " '/^## /{ inside = /Fields of the JSON/; table = 0 } inside && /^\|---/ { table++ }
        inside && /^\| `/ && index(tables, " " table " ") { print $2 }' "$top/docs/MONITORING.md" | tr -d '`' | LC_ALL=C sort -u
}
if command -v jq >/dev/null; then
    is_whole() {
        [[ $(fields_of "queue.json?name=$queue") == *bridge* ]] && fields_of state.json | grep -qx queue.messages
    }
    check 'JSON: a queue with all parts' wait_until 10 is_whole
    check_equal 'JSON: /state.json has the documented fields, and no others' "$(documented 1 2)" "$(fields_of state.json)"
    check_equal 'JSON: /queue.json has the documented fields, and no others' "$(documented 1 2 3)" \
        "$(fields_of "queue.json?name=$queue")"
else
    skip 'JSON: its fields' 'needs jq'
fi
exec {words}>&-
"$monitor" remove --force -q -- "$queue"

# The histogram is read when it is asked for, after the counters.
if command -v jq >/dev/null; then
    next_queue
    "$producer" -q -Q "$queue" --random >/dev/null 2>&1 &
    words=$!
    "$consumer" -q -Q "$queue" --follow --discard >/dev/null 2>&1 &
    reader=$!
    has_measured() { ask "queue.json?name=$queue" | jq -e .queue.latency.measured >/dev/null 2>&1; }
    check 'times: some are measured' wait_until 10 has_measured
    for _ in {1..20}; do
        ask "queue.json?name=$queue" | jq '.queue | select(.latency.measured > .acknowledged) | .latency.measured'
    done >"$scratch/more"
    check_equal 'times: of no more messages than were acknowledged' '' "$(head -n 3 "$scratch/more")"
    kill_now "$words"
    kill_now "$reader"
    "$monitor" remove --force -q -- "$queue"
fi

# ------------------------------------------------------------------ queues that come, go and break

next_queue
put -- a b
check 'a new queue is seen' wait_until 10 has_metric "shmq_messages{queue=\"$queue\"} 2"
"$monitor" remove --force -q -- "$queue"
is_unknown() { [[ $(status_of "queue.json?name=$queue") == 404 ]]; }
check 'a removed queue is seen no more' wait_until 10 is_unknown
put -- a b c d
check 'one that was made again is seen' wait_until 10 has_metric "shmq_messages{queue=\"$queue\"} 4"
"$monitor" remove --force -q -- "$queue"
put -- a
check 'one that was made again at once is seen' wait_until 10 has_metric "shmq_messages{queue=\"$queue\"} 1"
truncate -s 4096 "/dev/shm/shmq.$queue"
check 'a truncated queue is not up' wait_until 10 has_metric "shmq_up{queue=\"$queue\"} 0"
check_match 'a truncated queue is damaged' '"word":"damaged"' <(ask "queue.json?name=$queue")
truncate -s 0 "/dev/shm/shmq.$queue"
check_equal 'a truncated queue: the others are seen' 200 "$(status_of "queue.json?name=$first")"
rm -f "/dev/shm/shmq.$queue"
head -c 100000 /dev/urandom >"/dev/shm/shmq.$queue"
check 'noise of that name is not up' wait_until 10 has_metric "shmq_up{queue=\"$queue\"} 0"
rm -f "/dev/shm/shmq.$queue"
ln -s /etc/passwd "/dev/shm/shmq.$queue"
check 'a link of that name is not up' wait_until 10 has_metric "shmq_up{queue=\"$queue\"} 0"
rm -f "/dev/shm/shmq.$queue"
put -- a b c
check 'then a good one is' wait_until 10 has_metric "shmq_messages{queue=\"$queue\"} 3"
for ((i = 0; i < 30; i++)); do
    truncate -s 8192 "/dev/shm/shmq.$queue"
    "$monitor" remove --force -q -- "$queue"
    put -- a
done
check 'truncated and made again and again: it is seen' wait_until 10 has_metric "shmq_messages{queue=\"$queue\"} 1"
check_equal 'all is well' ok "$(ask healthz)"

# ------------------------------------------------------------------ clients that are slow, or many

port=$(tr -dc 0-9 <<<"${url##*:}")
slow=()
for ((i = 0; i < 150; i++)); do
    exec {web}<>"/dev/tcp/127.0.0.1/$port" && printf 'GET /metrics HTTP/1.1\r\nX-Slow: ' >&"$web" && slow+=("$web")
done 2>/dev/null
check_equal 'many slow clients: they can connect' 150 ${#slow[@]}
begun=$EPOCHREALTIME
check_equal 'many slow clients: another is answered' 200 "$(status_of metrics)"
check 'many slow clients: within 5 s' test "$(milliseconds_since "$begun")" -lt 5000
check 'many slow clients: descriptors are bounded' test "$(find "/proc/$pid/fd" | wc -l)" -lt 150
for web in "${slow[@]}"; do
    exec {web}>&-
done
readers=()
for ((i = 0; i < 70; i++)); do # they ask, and read nothing
    exec {web}<>"/dev/tcp/127.0.0.1/$port" && printf 'GET /page.js HTTP/1.1\r\nHost: localhost\r\n\r\n' >&"$web" && readers+=("$web")
done 2>/dev/null
check_equal 'clients that read nothing: another is answered' 200 "$(status_of metrics)"
for web in "${readers[@]}"; do
    exec {web}>&-
done
for ((i = 0; i < 20; i++)); do
    (ask state.json && ask metrics) >/dev/null &
done
wait_for_others $pid
check_equal 'many at a time: all is well' ok "$(ask healthz)"
before=$(sha256sum <"/dev/shm/shmq.$first")
ask metrics >/dev/null
check_equal 'reading changes nothing' "$before" "$(sha256sum <"/dev/shm/shmq.$first")"

# Requests that are no requests, or only begin, or never end.
raw() { # BYTES: prints the first line of what comes back
    exec {web}<>"/dev/tcp/127.0.0.1/$port"
    printf '%b' "$1" >&"$web"
    timeout 20 head -n 1 <&"$web" | tr -d '\r'
    exec {web}>&-
}
check_equal 'HTTP/1.0' 'HTTP/1.1 200 OK' "$(raw 'GET /healthz HTTP/1.0\r\n\r\n')"
check_equal 'a version that there is not' 'HTTP/1.1 505 HTTP Version Not Supported' "$(raw 'GET / HTTP/9.9\r\n\r\n')"
check_equal 'a URL of 30000 bytes' 414 "$(status_of "$(head -c 30000 /dev/zero | tr '\0' a)")"
check_match 'a body of a negative length' '^HTTP/1.1 400 ' <(raw 'GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n')
check_match 'a URL with another host in it' '^HTTP/1.1 404 ' <(raw 'GET http://attacker.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n')
check_equal 'after these: all is well' ok "$(ask healthz)"

# ------------------------------------------------------------------ its end, and other addresses

kill -TERM $pid
end_status 'TERM ends it with 0' 0 $pid "$scratch/serve.err"
check_equal 'it said nothing else' 1 "$(wc -l <"$scratch/serve.err")"
serve "$first"
# A minute after the last question, or before the first, it looks every two seconds: half a second would be 8 times.
switches() { awk '/^voluntary/ { print $2 }' "/proc/$pid/task/$pid/status"; }
before=$(switches)
read -rt 4 _ < <(exec sleep 4)
check 'nobody asks: it hardly wakes up' test $(($(switches) - before)) -le 5
check_equal 'only the named queue' "shmq_messages{queue=\"$first\"} 3" "$(ask metrics | grep '^shmq_messages')"
exec {web}<>"/dev/tcp/127.0.0.1/$(tr -dc 0-9 <<<"${url##*:}")" # a client that is still there
kill -TERM $pid
end_status 'TERM ends it while clients are there' 0 $pid "$scratch/serve.err"
exec {web}>&-
"$monitor" metrics --listen 0.0.0.0:0 2>"$scratch/serve.err" &
pid=$!
check 'not on loopback: a warning' wait_until 10 grep -q 'warning: 0\.0\.0\.0:.* no authentication' "$scratch/serve.err"
url=$(sed -n 's|^monitor: listening on http://0.0.0.0|http://127.0.0.1|p' "$scratch/serve.err")
check_equal 'not on loopback: any name will do' 200 "$(status_of metrics -H 'Host: queues.example')"
kill -TERM $pid
end_status 'not on loopback: TERM ends it with 0' 0 $pid "$scratch/serve.err"
if [[ -s /proc/net/if_inet6 ]]; then
    "$monitor" metrics --listen '[::1]:0' 2>"$scratch/serve.err" &
    pid=$!
    check 'IPv6' wait_until 10 grep -q 'listening on http://\[::1\]:' "$scratch/serve.err"
    url=$(sed -n 's/^monitor: listening on //p' "$scratch/serve.err")
    check_equal 'IPv6: is answered' 200 "$(status_of metrics -g)"
    kill -TERM $pid
    end_status 'IPv6: TERM ends it with 0' 0 $pid "$scratch/serve.err"
else
    skip 'IPv6' 'this host has none'
fi
if ((EUID == 0)) && command -v setpriv >/dev/null && unshare --mount true 2>/dev/null; then
    : >"$scratch/serve.err"
    unshare --mount bash -c "mount -t tmpfs -o mode=700 tmpfs /dev/shm &&
        exec setpriv --reuid=65534 --clear-groups '$monitor' metrics --listen 127.0.0.1:0" 2>"$scratch/serve.err" &
    pid=$!
    check '/dev/shm cannot be read: says so' wait_until 10 grep -q '/dev/shm: cannot be read: Permission denied' "$scratch/serve.err"
    url=$(sed -n 's/^monitor: listening on //p' "$scratch/serve.err")
    check_equal '/dev/shm cannot be read: is answered' 200 "$(status_of metrics)"
    kill -TERM $pid
    end_status '/dev/shm cannot be read: TERM ends it with 0' 0 $pid "$scratch/serve.err"
    check_equal '/dev/shm cannot be read: is said once' 1 "$(grep -c 'cannot be read' "$scratch/serve.err")"
else
    skip '/dev/shm cannot be read' 'needs root, setpriv and unshare'
fi

# Of 60 descriptors, queues take no more than half.
if unshare --mount true 2>/dev/null; then
    : >"$scratch/serve.err"
    unshare --mount bash -c "mount -t tmpfs tmpfs /dev/shm && for ((i = 10; i < 80; i++)); do
        '$producer' -q -Q \"queue.\$i\" --capacity 4K --lanes 1 --seats 1 -- a; done
        ulimit -n 60 && exec '$monitor' metrics --listen 127.0.0.1:0" 2>"$scratch/serve.err" &
    pid=$!
    wait_until 30 grep -q 'listening on' "$scratch/serve.err"
    url=$(sed -n 's/^monitor: listening on //p' "$scratch/serve.err")
    check 'more queues than descriptors: some are seen' wait_until 10 has_metric 'shmq_up{queue="queue.10"} 1'
    check 'more queues than descriptors: others are not up' wait_until 10 has_metric 'shmq_up{queue="queue.79"} 0'
    check_match 'more queues than descriptors: says why' '"why":"too many open files"' <(ask queue.json?name=queue.79)
    kill -TERM $pid
    end_status 'more queues than descriptors: TERM ends it with 0' 0 $pid "$scratch/serve.err"
else
    skip 'more queues than descriptors' 'unshare is not permitted'
fi
