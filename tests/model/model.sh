#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# time limit: 900 s
# Explores every state of the models in tests/model; faults planted in them must be found.
# This takes little more than a minute on two processors; the limits are for busy and slower machines. SHMQ_MODEL=deep,
# for `bash tests/model/model.sh` alone, adds runs that take many minutes and more memory.
. "$(dirname "$0")/../support/lib.sh"

models=$top/tests/model
memory_mb=1500 # of one run; two run at a time
seconds=800
results=()

for tool in spin gcc; do
    if ! command -v "$tool" >/dev/null; then
        skip 'models of the queue' "$tool is not installed"
        exit
    fi
done

# Leaves nothing running, even when it is killed.
end_children() {
    local pid
    for pid in $(test_processes); do
        kill -KILL "$pid"
    done
}
at_exit+=(end_children)

# Translates, compiles and runs one model; all output goes to DIRECTORY/log.
explore() { # DIRECTORY FILE FLAG...
    local directory=$1 file=$2 slots=22
    shift 2
    [[ $expected == finds ]] || slots=24 # 2^24, as many as there are states, at the most; a fault is found before
    mkdir "$directory" && cd "$directory" || exit 1
    {
        printf 'spin %s' "$file" && printf ' %s' "$@" && printf '\n'
        spin -a "$@" "$models/$file" &&
            gcc -O0 -w -DSAFETY -DNOFAIR -DMEMLIM="$memory_mb" -o pan pan.c &&
            timeout --kill-after=5 "$seconds" ./pan -w"$slots" -m400000
        printf 'status %d\n' $?
    } >log 2>&1
    rm -f pan pan.*
}

start() { # EXPECTED NAME FILE FLAG...
    local expected=$1 name=$2 directory=$scratch/${#results[@]}
    shift 2
    results+=("$expected:$name")
    while (($(jobs -rp | wc -l) >= 2)); do
        wait -n
    done
    (explore "$directory" "$@") &
}

holds() { # NAME FILE FLAG...
    start holds "$@"
}

finds() { # NAME FILE FLAG...
    start finds "$@"
}

states() { # LOG
    sed -n 's/^ *\([0-9]*\) states, stored$/\1/p' "$1" | tail -n 1
}

# Whether every state was explored.
is_complete() { # LOG
    grep -q 'status 0' "$1" && [[ $(states "$1") ]] && ! grep -q 'not completed\|too small\|out of memory\|hashtable full' "$1"
}

complaint() { # LOG
    grep -m 3 '^pan:1: \|Error:\|not completed\|too small\|out of memory\|^status 1' "$1" || echo 'nothing was found'
}

judge() { # EXPECTED NAME LOG
    local name
    name="$2 ($(states "$3") states)"
    case $1 in
    holds)
        if is_complete "$3" && grep -q 'errors: 0' "$3"; then
            ok "$name"
        else
            not_ok "$name" "$(complaint "$3")" "$3"
        fi ;;
    finds)
        if grep -q '^pan:1: \(assertion violated\|invalid end state\)' "$3"; then
            ok "fault found: $name"
        else
            not_ok "fault found: $name" "$(complaint "$3")" "$3"
        fi ;;
    esac
}

# ------------------------------------------------------------------ moves between queues

holds 'move: any number of kills' move.pml -DMESSAGES=2 -DKILLS=9 -DSTRANGERS=0
holds 'move: kills, and others that take lanes there' move.pml -DMESSAGES=2 -DKILLS=2 -DSTRANGERS=2
for fault in IGNORES_CURSOR FINISHES_FIRST OWN_IDENTITY ACKNOWLEDGES_FIRST CURSOR_AFTER_PUBLISHING GIVES_AWAY_UNFINISHED; do
    finds "move: $fault" move.pml "-DFAULT_$fault"
done

batches=(-DBATCH=2 -DMESSAGES=3)
holds 'forward: 2 kills' move.pml "${batches[@]}" -DKILLS=2 -DSTRANGERS=0
holds 'forward: a kill, and others that take lanes there' move.pml "${batches[@]}" -DKILLS=1 -DSTRANGERS=1
for fault in IGNORES_CURSOR OWN_IDENTITY ACKNOWLEDGES_FIRST CURSOR_OF_THE_FIRST GIVES_AWAY_UNFINISHED LEAVES_DEAD; do
    finds "forward: $fault" move.pml "${batches[@]}" "-DFAULT_$fault"
done

# ------------------------------------------------------------------ dropped messages

holds 'drop: kills' drop.pml -DMESSAGES=2 -DDROPPERS=1 -DKILLS=3
holds 'drop: 3 messages, a kill' drop.pml -DMESSAGES=3 -DDROPPERS=1 -DKILLS=1
holds 'drop: 2 droppers' drop.pml -DMESSAGES=2 -DDROPPERS=2 -DKILLS=0
for fault in NO_SECOND_LOOK NO_LOOK_AFTER_MARK COUNT_BEFORE_MARK COUNT_AFTER_LOOK WITHOUT_BYTE WITHOUT_RECHECK; do
    finds "drop: $fault" drop.pml -DMESSAGES=2 -DDROPPERS=1 "-DFAULT_$fault"
done

# ------------------------------------------------------------------ messages put aside

holds 'aside: a kill' aside.pml -DASIDES=1
holds 'aside: kills, and one message put aside twice' aside.pml -DMESSAGES=1 -DKILLS=2
holds 'aside: two put aside at once' aside.pml -DKILLS=0
for fault in NEWCOMER_TAKES_ANY_SEAT ADOPTS_WITHOUT_SECOND_LOOK MOVES_TO_A_SEAT_WITH_WORK ONE_NOTE COUNTS_BEFORE_ONLY; do
    finds "aside: $fault" aside.pml "-DFAULT_$fault"
done

# ------------------------------------------------------------------ lanes, leases, seats

fine=(-DFINE_SEAT -DFINE_LEASE -DFINE_RECLAIM)
holds 'lane: 1 producer, 2 consumers, any number of kills' lane.pml
holds 'lane: kills between any two stores into a seat' lane.pml -DMESSAGES=3 -DKILL_PRODUCERS=0 -DFINE_SEAT
holds 'lane: kills between any two loads of a lease' lane.pml -DMESSAGES=3 -DKILL_PRODUCERS=0 -DFINE_LEASE
holds 'lane: kills between any two accesses of reclaiming' lane.pml -DMESSAGES=3 -DKILL_PRODUCERS=0 -DFINE_RECLAIM
holds 'lane: every access apart, no kill' lane.pml -DKILLS=0 "${fine[@]}"
holds 'lane: every access apart, 1 consumer, any number of kills: in order' lane.pml -DCONSUMERS=1 "${fine[@]}"
holds 'lane: a ring of 4 cells, a kill' lane.pml -DCELLS=4 -DSIZES=6 -DKILLS=1
holds 'lane: a seat more than consumers' lane.pml -DMESSAGES=3 -DKILL_PRODUCERS=0 -DSEATS=3
holds 'lane: killed consumers that nobody replaces' lane.pml -DMESSAGES=3 -DKILL_PRODUCERS=0 -DGONE
holds 'lane: messages held in a seat buffer, 2 kills' lane.pml -DMESSAGES=3 -DPORTION=1 -DHOLD -DKILLS=2
holds 'lane: consumers that give back what they hold' lane.pml -DMESSAGES=3 -DHOLD -DCLOSE -DKILLS=0
holds 'lane: a sound lane is not called damaged' lane.pml -DMESSAGES=3 -DPORTION=1 -DOBSERVER -DFINE_SEAT -DKILLS=0
holds 'lane: 2 producers, 2 consumers, a kill' lane.pml -DLANES=2 -DMESSAGES=2 -DSIZES=1 -DKILLS=1
holds 'lane: 2 producers, 2 consumers, every load of a lease apart' lane.pml -DLANES=2 -DMESSAGES=2 -DSIZES=1 -DKILLS=0 -DFINE_LEASE

finds 'head is moved before the word says done' lane.pml -DMESSAGES=3 -DFAULT_HEAD_BEFORE_DONE
finds 'a dead one is taken over without its byte' lane.pml -DMESSAGES=3 -DFAULT_ADOPT_WITHOUT_BYTE
finds 'a dead one is taken over as it looked before its byte was held' lane.pml -DMESSAGES=3 -DFAULT_ADOPT_WITHOUT_RECHECK
finds 'the word is taken before the intent is written' lane.pml -DMESSAGES=3 -DFAULT_LEASE_BEFORE_INTENT
finds 'the progress of the batch before is left' lane.pml -DMESSAGES=3 -DFAULT_PROGRESS_NOT_RESET -DFINE_SEAT
finds 'claim is taken for the truth, not the word' lane.pml -DMESSAGES=3 -DFAULT_CLAIM_IS_TRUTH
finds 'a newcomer leases before it looks at what its seat holds' lane.pml -DMESSAGES=3 -DFAULT_NEWCOMER_LEASES_FIRST
finds 'reclaiming does not compare the lap' lane.pml -DMESSAGES=3 -DFAULT_RECLAIM_WITHOUT_LAP
finds 'head passes claim' lane.pml -DMESSAGES=3 -DFAULT_RECLAIM_WITHOUT_CLAIM
finds 'a producer that finds the lane full does not reclaim' lane.pml -DMESSAGES=3 -DFAULT_FULL_WITHOUT_RECLAIM
finds 'tail is stored before the checkpoint' lane.pml -DMESSAGES=3 -DFAULT_TAIL_BEFORE_CHECKPOINT
finds 'a held message counts although the word says leased' lane.pml -DMESSAGES=3 -DHOLD -DFAULT_BUFFER_BEFORE_WORD
finds 'seat buffers are looked at before lanes at the end' lane.pml -DMESSAGES=3 -DHOLD -DFAULT_BUFFERS_BEFORE_LANES

# ------------------------------------------------------------------ consumers asleep

holds 'bell: 1 producer, 2 consumers' bell.pml
holds 'bell: the same without membarrier' bell.pml -DFENCES=1
holds 'bell: sleeps that end by themselves' bell.pml -DMESSAGES=2 -DTICKS=1
holds 'bell: 1 producer, 3 consumers' bell.pml -DMESSAGES=1 -DCONSUMERS=3
holds 'bell: 2 producers, 2 consumers' bell.pml -DMESSAGES=1 -DPRODUCERS=2
holds 'bell: a kill, and the tick' bell.pml -DMESSAGES=2 -DKILLS=1
holds 'bell: sleeps longer than a tick' bell.pml -DMESSAGES=2 -DLONG
holds 'bell: consumers that leave, and a visitor' bell.pml -DMESSAGES=2 -DLEAVE -DVISITOR
holds 'bell: shut down' bell.pml -DMESSAGES=1 -DSHUTDOWN
holds 'bell: shut down, without membarrier' bell.pml -DMESSAGES=1 -DSHUTDOWN -DFENCES=1

finds 'a consumer looks before it counts itself a sleeper' bell.pml -DFAULT_LOOK_BEFORE_COUNT
finds 'a consumer sleeps without the heavy barrier' bell.pml -DFAULT_NO_HEAVY_BARRIER
finds 'a waker does not fence where there is no membarrier' bell.pml -DFENCES=1 -DFAULT_LIGHT_WITHOUT_FENCE
finds 'membarrier is refused only when somebody sleeps' bell.pml -DFENCES=2
finds 'the count is set right without the tag' bell.pml -DFAULT_CORRECT_WITHOUT_TAG -DCOUNTS=0
finds 'a seat says that nobody waits before its count is taken back' bell.pml -DFAULT_FLAG_BEFORE_COUNT -DCOUNTS=0
finds 'nobody is told that the last message is acknowledged' bell.pml -DFAULT_END_UNTOLD
finds 'rings that somebody waits for are taken out with those too many' bell.pml -DFAULT_DRAIN_EVERYTHING -DCOUNTS=0
finds 'a ring too many is taken out that others needed meanwhile' bell.pml -DMESSAGES=1 -DPRODUCERS=2 -DFAULT_DRAIN_WITHOUT_GIVING_BACK -DCOUNTS=0
finds 'whoever leaves a seat with something in it says nothing' bell.pml -DMESSAGES=2 -DLEAVE -DVISITOR -DFAULT_VISITOR_SILENT
finds 'a drained queue is believed without the heavy barrier' bell.pml -DMESSAGES=2 -DSHUTDOWN -DFAULT_DRAIN_WITHOUT_BARRIER
finds 'a put does not look again whether the queue was shut down' bell.pml -DMESSAGES=2 -DSHUTDOWN -DFAULT_PUT_WITHOUT_SECOND_LOOK

# ------------------------------------------------------------------ producers asleep

holds 'room: 1 producer, 2 consumers' room.pml
holds 'room: the same without membarrier' room.pml -DMESSAGES=5 -DFENCES=1
holds 'room: patient at first' room.pml -DCELLS=3 -DPATIENT=1
holds 'room: a kill, and the tick' room.pml -DMESSAGES=3 -DKILLS=1

finds 'a producer looks before it says that it sleeps' room.pml -DFAULT_LOOK_BEFORE_ARMING
finds 'a producer sleeps without the heavy barrier' room.pml -DFAULT_NO_HEAVY_BARRIER
finds 'a consumer does not fence where there is no membarrier' room.pml -DFENCES=1 -DFAULT_LIGHT_WITHOUT_FENCE
finds 'a consumer looks at head before it says done' room.pml -DFAULT_LOOK_AT_HEAD_BEFORE_DONE

# ------------------------------------------------------------------

if [[ ${SHMQ_MODEL:-} == deep ]]; then
    memory_mb=6000 seconds=3600
    holds 'deep: every access apart, any number of kills' lane.pml -DMESSAGES=3 "${fine[@]}" -DKILL_PRODUCERS=0
    holds 'deep: every access apart, a kill' lane.pml "${fine[@]}" -DKILLS=1
    holds 'deep: sizes as the producer likes' lane.pml -DSIZES=-1 -DKILL_PRODUCERS=0
    holds 'deep: held messages, any number of kills' lane.pml -DMESSAGES=3 -DHOLD
    holds 'deep: 2 producers, 2 consumers, every access apart' lane.pml -DLANES=2 -DMESSAGES=2 -DSIZES=3 -DKILLS=0 "${fine[@]}"
    holds 'deep: bell: 1 producer, 3 consumers' bell.pml -DMESSAGES=2 -DCONSUMERS=3
fi

wait
for i in "${!results[@]}"; do
    judge "${results[i]%%:*}" "${results[i]#*:}" "$scratch/$i/log"
done
((failed == 0))
