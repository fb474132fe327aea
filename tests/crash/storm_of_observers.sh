#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# time limit: 1200 s
# test: alone (list looks at the queues of other tests, too, some of which are truncated on purpose)
# Kills and stops producers, consumers and their supervisor at random while observers of all kinds look at their queue:
# none crashes, hangs or tells an impossible number, and in the end the counters agree with what came out.
# SHMQ_OBSERVER_STORM=SECONDS says how long (8).
# shellcheck disable=SC2016 # eval expands it
. "$(dirname "$0")/../support/lib.sh"
. "$top/tests/support/screen.sh"

supervisor=$build/supervisor
seconds=${SHMQ_OBSERVER_STORM:-8}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { not_ok "SHMQ_OBSERVER_STORM=$seconds is a number of seconds"; exit 1; }
if ! command -v python3 >/dev/null; then
    skip "$test_name" 'python3 is missing'
    exit 0
fi

# Reads what observers print, again and again, and prints each number that cannot be, once a kind.
#
#   json: looks of `show --json --watch`; metrics: what an address serves; events: lines of `events --follow --json`
cat >"$scratch/observe.py" <<'END'
import json, re, sys, time, urllib.request

complaints = {}
before = {}
looks = 0
started = time.time()
COUNTERS = """put_messages put_bytes acknowledged dropped refused too_long full_times blocked_ns sleeps wake_ups spurious
    failed redelivered adopted given_back put_aside dead_letters deaths bells_replaced events finished
    attached finishes delivered delivered_bytes tail_position head_position""".split()
AGES = "oldest_ns attached_ns active_ns leased_ns blocked_for_ns".split()

def complain(kind, what):
    if kind not in complaints:
        complaints[kind] = what
        print("%s: %s" % (kind, what), flush=True)

def rises(key, value):
    if value < before.get(key, 0):
        complain("falls: " + key[-1], "%s: %r, and %r before" % (key, value, before[key]))
    before[key] = value

def number(where, name, value, age_ns):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    if value < 0 or value > 2 ** 62:
        complain("negative or huge: " + name, "%s: %r" % (where, value))
    if name in COUNTERS:
        rises((where, name), value)
    if name in AGES and value > age_ns:
        complain("older than the queue: " + name, "%s: %r of %r ns" % (where, value, age_ns))
    if name == "fill_percent" and value > 100:
        complain("fill", "%r %%" % value)

def look(queue):
    # list shows those of other tests, too, which may be damaged on purpose.
    if "queue_id" not in queue or not queue["name"].startswith(sys.argv[2]):
        return
    age_ns = (time.time() - queue["created_s"] + 2) * 1e9
    where = queue["queue_id"]
    for name, value in queue.items():
        number(where, name, value, age_ns)
    for kind, key in (("lane", "lane_list"), ("seat", "seat_list")):
        for entry in queue.get(key, []):
            for name, value in entry.items():
                number("%s %s %d" % (where, kind, entry[kind]), name, value, age_ns)
            # The mark is what has been seen, by this look or before, so it may fall. It is not below what is used.
            if entry.get("used_bytes", 0) > entry.get("high_water_bytes", 2 ** 63):
                complain("high water", repr(entry))
            for name in ("used_bytes", "high_water_bytes"):
                if entry.get(name, 0) > queue["capacity_bytes"]:
                    complain("more than fits", "%s: %s: %r" % (kind, name, entry[name]))
    if queue["acknowledged"] > queue["put_messages"] or queue["messages"] > queue["put_messages"]:
        complain("sum", "put %(put_messages)d, acknowledged %(acknowledged)d, left %(messages)d" % queue)
    if queue["leased"] > queue["messages"]:
        complain("leased", "%(leased)d of %(messages)d" % queue)
    if queue["producers"] > queue["lanes"] or queue["consumers"] > queue["seats"]:
        complain("places", "%(producers)d and %(consumers)d" % queue)

def objects(stream):
    decoder = json.JSONDecoder()
    text = ""
    while True:
        more = stream.read1(65536).decode()
        text += more
        while True:
            text = text.lstrip()
            try:
                value, end = decoder.raw_decode(text)
            except ValueError:
                break
            text = text[end:]
            yield value
        if not more:
            if text:
                complain("rest", "no JSON: %r" % text[:200])
            return

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*",?)*\})? (\S+)$')

def metrics(text):
    kinds = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            kinds[line.split()[2]] = line.split()[3]
        if line.startswith("#"):
            continue
        match = SAMPLE.match(line)
        if not match:
            complain("no sample", line)
            continue
        name, labels, value = match.group(1), match.group(2), float(match.group(3))
        if not 0 <= value < 2 ** 63:
            complain("negative or huge: " + name, line)
        if kinds.get(name) == "counter":
            rises((labels, name), value)
        if name == "shmq_fill_ratio" and value > 1:
            complain("fill", line)

def serve(url):
    global looks
    while True:
        try:
            text = urllib.request.urlopen(url, timeout=20).read().decode()
        except Exception as error:
            if time.time() - started > 1:
                print("served %d" % looks, file=sys.stderr)
            if looks == 0:
                complain("http", repr(error))
            return
        metrics(text)
        looks += 1
        time.sleep(0.05)

how = sys.argv[1]
if how == "metrics":
    serve(sys.argv[2])
else:
    last = -1
    for value in objects(sys.stdin.buffer):
        looks += 1
        if how == "events":
            # Those that are lost between two looks are left out; none comes twice.
            if value["number"] <= last:
                complain("event", "%r after %r" % (value["number"], last))
            last = value["number"]
            if value["monotonic_ns"] < 0 or not value["text"]:
                complain("event", repr(value))
        else:
            for queue in value if isinstance(value, list) else [value]:
                look(queue)
if looks < 2:
    print("only %d looks" % looks)
END

# ------------------------------------------------------------------ without kills, counters agree to the message

new_queue
seq 30000 >"$scratch/input"
check 'calm: put and delivered' eval '"$supervisor" -q -Q "$queue" --keep -p 2 -c 2 --capacity 64K --max-message 1K \
    --input "$scratch/input" --output "$scratch/output"'
bytes=$(wc -c <"$scratch/input")
for pair in put_messages:30000 "put_bytes:$bytes" acknowledged:30000 messages:0 leased:0 message_bytes:0 finished:2 \
    used_bytes:0 redelivered:0 adopted:0 failed:0 deaths:0 dropped:0 dead_letters:0 too_long:0 refused:0; do
    check_equal "calm: ${pair%%:*}" "${pair#*:}" "$(queue_field "$queue" "${pair%%:*}")"
done
check_equal 'calm: the lanes have taken all' 30000 "$("$monitor" show --json -- "$queue" |
    python3 -c "import json, sys; print(sum(lane['put_messages'] for lane in json.load(sys.stdin)['lane_list']))")"

# ------------------------------------------------------------------ the storm

next_queue
lines=$((seconds * 6000 + 4000)) # those that begin anew may send some at once
seq "$lines" >"$scratch/input"
rm -f "$scratch/output"
command=("$supervisor" -q -Q "$queue" --keep -p 3 -c 3 --capacity 64K --max-message 1K --input "$scratch/input"
    --output "$scratch/output" --rate 500 --prefetch 20 --restart-pause 1ms:20ms --max-restarts 1000000)
start_run() {
    "${command[@]}" >>"$scratch/run.log" 2>&1 </dev/null &
    run=$!
}
start_run
wait_until 20 queue_has producers 3

names=()
processes=()
observe() { # NAME HOW COMMAND...
    local name=$1 how=$2
    shift 2
    "$@" 2>"$scratch/$name.err" > >(python3 "$scratch/observe.py" "$how" "$SHMQ_TEST_PREFIX." >"$scratch/$name.wrong" 2>&1) &
    processes+=($!)
    names+=("$name")
}
observe show json "$monitor" show "$queue" --json --watch 0.05
observe list json "$monitor" list --json --watch 0.1
observe events events "$monitor" events "$queue" --follow --json
if [[ -x $build/monitor-metrics ]]; then
    "$monitor" metrics "$queue" --listen 127.0.0.1:0 2>"$scratch/serve.err" &
    serving=$!
    wait_until 20 grep -q 'listening on' "$scratch/serve.err"
    python3 "$scratch/observe.py" metrics "$(sed -n 's/^monitor: listening on //p' "$scratch/serve.err")metrics" >"$scratch/metrics.wrong" &
    asking=$!
fi
if [[ -x $build/monitor-top ]] && command -v tmux >/dev/null; then
    at_exit+=('screen_tmux kill-server')
    screen_start 100 30
    screen_type "clear; '$monitor' top '$queue'; echo \"status \$?\"" Enter
    check 'top: is there' wait_until 20 screen_shows "${queue##*.}"
    shown=1
fi

# One of the processes that run now, at random.
children() {
    local list=''
    read -r list 2>/dev/null <"/proc/$run/task/$run/children"
    printf '%s' "$list"
}
kills=0 restarts=0
end=$((${EPOCHREALTIME//[!0-9]/} + seconds * 1000000))
while ((${EPOCHREALTIME//[!0-9]/} < end)); do
    random_pause 9
    read -ra victims <<<"$(children)"
    if has_ended "$run"; then
        not_ok 'the run goes on through the storm' "$scratch/run.log"
        break
    fi
    ((${#victims[@]} > 0)) || continue
    victim=${victims[RANDOM % ${#victims[@]}]}
    case $((RANDOM % 40)) in
    0)
        kill_now "$run"
        restarts=$((restarts + 1))
        wait_until 20 queue_has producers 0
        start_run
        ;;
    [1-5])
        kill -STOP "$victim" 2>/dev/null
        random_pause 9
        kill -CONT "$victim" 2>/dev/null
        ;;
    *) kill -KILL "$victim" 2>/dev/null && kills=$((kills + 1)) ;;
    esac
done
check "the storm: $kills kills, $restarts of the supervisor" test "$kills" -ge "$seconds"

# ------------------------------------------------------------------ afterwards

for i in "${!processes[@]}"; do
    check "${names[i]}: has survived" kill -0 "${processes[i]}"
done
[[ ! ${serving:-} ]] || check 'metrics: has survived' kill -0 "$serving"
if [[ ${shown:-} ]]; then
    check 'top: has survived' screen_hides '^status '
    screen_text >"$scratch/top"
    check_equal 'top: nothing negative' '' "$(grep -E '(^|[ (])-[0-9]' "$scratch/top")"
fi
kill_now "$run"
wait_until 20 queue_has producers 0
command+=(--rate 100000)
start_run
end_status 'the rest comes: exit 0' 0 "$run"
check_same_lines 'each line is there, once' "$scratch/input" "$scratch/output"
# Whoever is killed counts nothing twice, and what was put and delivered follows from positions, not from counts.
for pair in "put_messages:$lines" "put_bytes:$(wc -c <"$scratch/input")" "acknowledged:$lines" messages:0 leased:0 used_bytes:0; do
    check_equal "after kills: ${pair%%:*}" "${pair#*:}" "$(queue_field "$queue" "${pair%%:*}")"
done
deaths=$(queue_field "$queue" deaths)
check "after kills: no more deaths ($deaths) than kills" test "$deaths" -le $((kills + restarts * 6 + 6))
check 'the queue is in order' "$monitor" check -q "$queue"

if [[ ${shown:-} ]]; then
    check 'top: shows that it is empty' wait_until 20 screen_shows 'empty|0 %'
    screen_type q
    check 'top: q: exit 0' wait_until 20 screen_shows '^status 0$'
    screen_tmux kill-server
    trap clean_up EXIT
fi
for i in "${!processes[@]}"; do
    kill -TERM "${processes[i]}" 2>/dev/null
    end_status "${names[i]}: exit 0" 0 "${processes[i]}" "$scratch/${names[i]}.err"
done
if [[ ${serving:-} ]]; then
    kill -TERM "$serving"
    end_status 'metrics: exit 0' 0 "$serving" "$scratch/serve.err"
    wait "$asking"
    names+=(metrics)
fi
for name in "${names[@]}"; do
    # The reader of a pipe ends a moment after its writer.
    wait_until 20 eval '! pgrep -f "$scratch/observe.py" >/dev/null'
    check_equal "$name: no impossible number" '' "$(cat "$scratch/$name.wrong")"
done
"$monitor" remove -q --force "$queue"
