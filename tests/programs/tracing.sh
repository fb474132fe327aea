#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The static probes: that they are there with their arguments, cost nothing, and can be traced where the kernel allows it.
# test: alone (a tracer sees all processes of the programs)
. "$(dirname "$0")/../support/lib.sh"

script=$top/docs/shmq-latency.bt

has_header() {
    echo '#include <sys/sdt.h>' | "${CC:-cc}" -E - >/dev/null 2>&1
}

# "put 4" and so on: the probes of a file, with the number of their arguments.
probes_of() { # FILE
    readelf -n "$1" 2>/dev/null | awk '/Provider: / { ours = $2 == "shmq" } ours && /Name: / { name = $2 }
        ours && /Semaphore: / && $NF !~ /^0x0+$/ { name = name "-with-semaphore" }
        ours && /Arguments: / { print name, NF - 1 }' | sort -u
}

expected='acknowledge 4
adopt 4
lease 4
put 4
sleep 2
wake 3'

if ! command -v readelf >/dev/null; then
    skip 'the probes are there' 'no readelf (binutils)'
    exit
fi
if [[ -z $(probes_of "$build/libshmq.so") ]]; then
    if has_header; then
        not_ok 'the probes are there' "$(readelf -n "$build/libshmq.so")"
    else
        skip 'the probes are there' 'no <sys/sdt.h> (systemtap-sdt-dev)'
    fi
    exit
fi

# ------------------------------------------------------------------ what is in the files

check_equal 'the library has all probes, with their arguments' "$expected" "$(probes_of "$build/libshmq.so")"
check_equal 'a program has those of what it uses' 'put 4' "$(probes_of "$producer" | grep put)"
check_equal 'so has the consumer' "$expected" "$(probes_of "$consumer")"
cp "$build/libshmq.so" "$scratch/stripped.so"
strip "$scratch/stripped.so"
check_equal 'they outlive strip' "$expected" "$(probes_of "$scratch/stripped.so")"

# The instructions of a function, without those that do nothing.
instructions() { # OBJECT FUNCTION
    objdump -d --no-show-raw-insn "$1" | awk -v name="<$2>:" '$2 == name { inside = 1; next } inside && /^$/ { exit }
        inside && !/nop|xchg +%ax,%ax|data16|cs / { n++ } END { print n }'
}

make_object() { # FOLDER ARGUMENT...
    make -s -C "$top" BUILD="$scratch/$1" CC=gcc CFLAGS=-O2 "${@:2}" "$scratch/$1/obj/common/queue/put.o" \
        >"$scratch/make.log" 2>&1
}

if command -v gcc >/dev/null && [[ $(uname -m) == x86_64 ]]; then
    check 'PROBES=no builds without them' make_object without PROBES=no
    check_equal 'and has none' '' "$(probes_of "$scratch/without/obj/common/queue/put.o")"
    check 'PROBES=yes builds with them' make_object with PROBES=yes
    check_equal 'and has that of put' 'put 4' "$(probes_of "$scratch/with/obj/common/queue/put.o")"
    check_equal 'they cost shmq_put no instruction' "$(instructions "$scratch/without/obj/common/queue/put.o" shmq_put)" \
        "$(instructions "$scratch/with/obj/common/queue/put.o" shmq_put)"
else
    skip 'they cost shmq_put no instruction' 'counted for gcc and x86-64'
fi

# ------------------------------------------------------------------ traced

if ! command -v bpftrace >/dev/null; then
    skip 'the script is understood' 'no bpftrace'
    exit
fi
if ! bpftrace -d "$script" "$producer" "$consumer" >"$scratch/parsed" 2>&1 &&
    grep -q 'only supports running as the root user' "$scratch/parsed"; then
    skip 'the script is understood' 'bpftrace needs root'
    exit
fi
check_equal 'the script is understood' '' "$(grep -iE 'syntax|unknown (function|probe)|not found' "$scratch/parsed")"

new_queue
put -- first # keeps it
take -q >/dev/null
# Says so when it sees an acknowledgement, so that the test knows when it is at work.
{
    cat "$script"
    # shellcheck disable=SC2016
    printf 'usdt:$2:shmq:acknowledge { printf("seen\\n"); }\n'
} >"$scratch/script.bt"
bpftrace -B line "$scratch/script.bt" "$producer" "$consumer" >"$scratch/trace" 2>"$scratch/trace.err" &
tracer=$!

sees_messages() {
    has_ended "$tracer" && return
    put -- more
    take -q >/dev/null 2>&1
    grep -q '^seen' "$scratch/trace"
}

wait_until 30 sees_messages
if has_ended "$tracer" || ! grep -q '^seen' "$scratch/trace"; then
    kill_now "$tracer"
    skip 'it is traced' "the kernel does not allow it: $(tail -n 1 "$scratch/trace.err")"
else
    for ((i = 0; i < 5; i++)); do
        put -- message
        take -q >/dev/null 2>&1
    done
    kill -INT "$tracer"
    end_status 'the tracer ends by SIGINT' 0 "$tracer" "$scratch/trace.err"
    check_match 'puts are seen' '^@messages_put: ([5-9]|[0-9]{2,})$' "$scratch/trace"
    check_match 'leases are seen' '^@messages_leased: ([5-9]|[0-9]{2,})$' "$scratch/trace"
    check_match 'acknowledgements are seen' '^@messages_acknowledged: ([5-9]|[0-9]{2,})$' "$scratch/trace"
    for histogram in us_from_put_to_lease us_from_lease_to_acknowledge us_from_put_to_acknowledge; do
        check_match "a histogram: $histogram" '^\[[0-9]+K?M?(, [0-9]+K?M?\))?\]? +[1-9]' \
            <(sed -n "/^@$histogram:/,/^\$/p" "$scratch/trace")
    done
fi

"$monitor" remove -q --force "$queue"
