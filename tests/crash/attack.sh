#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The programs under attack, by somebody or by the system: their queue is truncated or deleted, limits apply, /dev/shm is
# small, closed or missing. Each program must end in time, with its exit status and a reason.
. "$(dirname "$0")/../support/lib.sh"
ulimit -c 0

started=''
start() { # COMMAND...: in the background
    "$@" >"$scratch/out" 2>"$scratch/err" </dev/null &
    started=$!
}

# The program started last must end by itself, soon.
check_ends() { # NAME STATUS REGEX
    local status
    if ! wait_until 20 has_ended "$started"; then
        kill -KILL "$started" 2>/dev/null
        not_ok "$1" 'it does not end' "$scratch/err"
        return
    fi
    wait "$started"
    status=$?
    check_equal "$1: exit $2" "$2" "$status"
    check_match "$1: is said" "$3" "$scratch/err"
}

object() {
    printf '/dev/shm/shmq.%s' "$queue"
}

# ------------------------------------------------------------------ cut short, or deleted, under way

new_small_queue() { # MESSAGE...
    new_queue
    "$producer" -q -Q "$queue" --capacity 4096 --tick 10ms -- "$@"
}

# Starts a program that attaches and runs for ever.
start_waiting_consumer() {
    new_small_queue one
    start "$consumer" -q -Q "$queue" --follow --discard
    wait_until 20 queue_has consumers 1
}
start_working_consumer() {
    new_small_queue one two three
    start "$consumer" -q -Q "$queue" --follow --discard --work 300ms
    wait_until 20 queue_has consumers 1
}
start_commanding_consumer() {
    new_small_queue one two three
    start "$consumer" -q -Q "$queue" --follow --exec 'sleep 0.3'
    wait_until 20 queue_has consumers 1
}
start_blocked_producer() {
    new_small_queue one
    start "$producer" -q -Q "$queue" --random --count 100000
    wait_until 20 queue_has producers 1
}
start_waiting_monitor() {
    new_small_queue one
    start "$monitor" -q wait --empty "$queue"
    wait_until 20 has_mapped_it "$started"
}
has_mapped_it() { # PID
    grep -q "shmq\.$queue" "/proc/$1/maps" 2>/dev/null
}

gone='the queue.s memory is gone: somebody truncated it'
for who in waiting_consumer working_consumer commanding_consumer blocked_producer waiting_monitor; do
    for size in 0 8192; do
        "start_$who"
        truncate -s "$size" "$(object)"
        check_ends "the queue is cut to $size bytes under a ${who//_/ }" 5 "$gone|damaged, or not a queue"
        check 'what is left of it is removed' "$monitor" -q remove --force "$queue"
    done
done

new_small_queue one
truncate -s 8192 "$(object)"
for verb in check show; do
    check_status "$verb of a queue that was cut short: exit 5" 5 "$monitor" "$verb" "$queue"
    check_match 'is said' 'damaged: the file ends at byte 8192 of' "$scratch/err"
done
check_status 'a producer for it: exit 5' 5 "$producer" -Q "$queue" -- two
check_status 'a consumer of it: exit 5' 5 "$consumer" -Q "$queue"
check 'it is removed' "$monitor" -q remove --force "$queue"

# Removes every file of the user, as systemd-logind does at the last logout (RemoveIPC=yes).
delete_all() {
    rm -f -- "$(object)" /dev/shm/sem.shmq."$queue".*
}
for who in waiting_consumer blocked_producer; do
    "start_$who"
    delete_all
    check_ends "every file of the queue is deleted under a ${who//_/ }" 5 'the queue was removed'
    delete_all
done

# ------------------------------------------------------------------ limits

# Forbids all writing to files: to those for semaphores, and to this test's own.
limited() { # COMMAND...: its output goes to $scratch/list
    (ulimit -f 0 && exec "$@" >"$scratch/list") 2>&1 | cat >"$scratch/err"
    return "${PIPESTATUS[0]}"
}
new_small_queue one
limited "$producer" -q -Q "$queue" --random --count 1000 --timeout 100ms
check_equal 'a producer that may write no file waits for room: exit 4' 4 $?
limited "$consumer" -q -Q "$queue" --discard --follow --idle 100ms
check_equal 'a consumer that may write no file: exit 0' 0 $?
limited "$monitor" list
check_equal 'a monitor whose output may not grow: exit 1' 1 $?
check_match 'is said' '^monitor: .*File too large' "$scratch/err"
limited "$producer" -q -Q "$queue" --echo p -- two
check_equal 'a producer whose echo may not grow: exit 1' 1 $?
check_match 'is said' '^producer: standard output: .*File too large' "$scratch/err"
limited "$consumer" -q -Q "$queue"
check_equal 'a consumer whose output may not grow: exit 1' 1 $?
check_match 'is said' '^consumer: .*File too large' "$scratch/err"
check_equal 'what could not be written is still there' two "$("$consumer" -q -Q "$queue" --follow --idle 100ms)"
new_queue
(ulimit -f 100 && exec "$producer" -q -Q "$queue" -- one) 2>"$scratch/err"
check_equal 'a queue larger than files may be: exit 1' 1 $?
check_match 'is said' "^producer: queue .*ulimit -f" "$scratch/err"

# The queue takes the last free descriptor.
new_small_queue one
echo two >"$scratch/two"
(ulimit -n 4 && exec "$producer" -q -Q "$queue" --input "$scratch/two") 2>"$scratch/err"
check_equal 'a producer without a descriptor for its input: exit 1' 1 $?
check_match 'is said' '^producer: .*/two: .*oo many open files' "$scratch/err"
(ulimit -n 4 && exec "$consumer" -q -Q "$queue" --output "$scratch/output") 2>"$scratch/err"
check_equal 'a consumer without a descriptor for its output: exit 1' 1 $?
check_match 'is said' '^consumer: .*oo many open files' "$scratch/err"
(ulimit -n 4 && exec "$consumer" -q -Q "$queue" --exec 'cat >/dev/null') 2>"$scratch/err"
check_equal 'a consumer without a descriptor for its command: exit 1' 1 $?
check_match 'is said' '^consumer: .*oo many open files' "$scratch/err"
check_equal 'nothing is lost' 'one' "$("$consumer" -q -Q "$queue" --follow --idle 100ms)"
"$monitor" -q remove --force "$queue"

# A sanitizer needs more memory than this limit leaves.
new_queue
if [[ $build != */asan && $build != */tsan ]]; then
    for program in producer consumer; do
        words=(--idle 100ms)
        [[ $program == consumer ]] || words=(-- one)
        (ulimit -v 9000 && exec "${!program}" -q -Q "$queue" --capacity 64M "${words[@]}") 2>"$scratch/err"
        check_equal "a $program without memory: exit 1" 1 $?
        check_match 'is said' "^$program: queue .*ulimit -v" "$scratch/err"
        "$producer" -q -Q "$queue" --capacity 64M -- one
    done
    "$monitor" -q remove --force "$queue"
fi

# ------------------------------------------------------------------ a wall clock that jumps

# A wall clock that shows another day at each look; waits must last as long as they should.
cat >"$scratch/jumps.c" <<'END'
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t jump(void)
{
    static int looks;
    return ++looks % 2 ? -100000 * looks : 100000 * looks;
}
int clock_gettime(clockid_t clock, struct timespec *now)
{
    const int error = (int)syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
        now->tv_sec += jump();
    return error;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    (void)zone;
    now->tv_usec = 0;
    now->tv_sec = 2000000000 + jump();
    return 0;
}
time_t time(time_t *now)
{
    const time_t value = 2000000000 + jump();
    if (now)
        *now = value;
    return value;
}
END
jumping() { # COMMAND...
    timeout 30 env LD_PRELOAD="$scratch/jumps.so" "$@"
}
if [[ $build != */asan && $build != */tsan ]] && gcc -shared -fPIC -o "$scratch/jumps.so" "$scratch/jumps.c" 2>"$scratch/err"; then
    new_small_queue one
    began=${EPOCHREALTIME//[!0-9]/}
    jumping "$producer" -q -Q "$queue" --random --count 1000 --timeout 300ms 2>"$scratch/err"
    check_equal 'a producer waits for room while the wall clock jumps: exit 4' 4 $?
    jumping "$consumer" -q -Q "$queue" --discard --follow --idle 300ms 2>"$scratch/err"
    check_equal 'a consumer waits for messages while the wall clock jumps: exit 0' 0 $?
    took=$(((${EPOCHREALTIME//[!0-9]/} - began) / 1000))
    check 'neither too short nor too long' test "$took" -ge 600 -a "$took" -le 15000
    "$monitor" -q remove --force "$queue"
else
    skip 'waits while the wall clock jumps' 'a sanitizer cannot be preloaded, or there is no gcc'
fi
check_equal 'no wait of the library depends on the wall clock' '' "$(nm -D --undefined-only "$build/libshmq.so" |
    grep -E ' (sem_wait|sem_timedwait|pthread_cond_timedwait|poll|select|nanosleep|usleep|sleep|gettimeofday)\b')"

# ------------------------------------------------------------------ a /dev/shm of its own

# Runs in a mount namespace. Writes "NAME STATUS" for each program to descriptor 3, and its messages to $scratch/NAME.
in_own_place() {
    try() { # NAME COMMAND...
        local name=$1
        shift
        timeout 20 "$@" >"$scratch/$name.out" 2>"$scratch/$name.err" </dev/null
        printf '%s %s\n' "$name" $? >&3
    }
    mount -t tmpfs -o size=64m shmq-test /dev/shm || exit 77
    try docker_default "$producer" -q -Q q -- one
    try docker_second "$producer" -q -Q q2 --capacity 16M -- one
    try docker_full "$producer" -Q q3 --capacity 64M -- one
    printf 'left %s\n' "$(find /dev/shm -name '*q3*' | wc -l)" >&3
    mount -o remount,ro /dev/shm
    try readonly_put "$producer" -q -Q q -- two
    try readonly_make "$producer" -q -Q q4 -- one
    try readonly_get "$consumer" -q -Q q
    try readonly_look "$monitor" check q
    try readonly_remove "$monitor" -q remove q
    umount /dev/shm
    mount -t tmpfs -o mode=0755 shmq-test /dev/shm
    try closed_make setpriv --reuid=54321 --regid=54321 --clear-groups -- "$producer" -q -Q q -- one
    umount /dev/shm
    cp /dev/null "$scratch/null"
    mount -t tmpfs shmq-test /dev && mknod -m 666 /dev/null c 1 3
    try missing_make "$producer" -q -Q q -- one
    try missing_get "$consumer" -q -Q q --idle 100ms
}

# Whether another user may run the programs at all.
may_run_as_other() {
    setpriv --reuid=54321 --regid=54321 --clear-groups -- "$producer" --version >/dev/null 2>&1
}

check_place() { # NAME STATUS [REGEX]
    check_equal "$1: exit $2" "$2" "$(sed -n "s/^$1 //p" "$scratch/places")"
    [[ ! ${3-} ]] || check_match "$1: is said" "$3" "$scratch/$1.err"
}

export -f in_own_place
export scratch producer consumer monitor
if ((EUID == 0)) && unshare -m bash -c in_own_place 3>"$scratch/places" 2>/dev/null; then
    check_place docker_default 0
    check_place docker_second 0
    check_place docker_full 1 "queue 'q3': .*no room in /dev/shm .*--shm-size"
    check_equal 'nothing is left of what had no room' 0 "$(sed -n 's/^left //p' "$scratch/places")"
    check_place readonly_put 1 'read-only'
    check_place readonly_make 1 'read-only'
    check_place readonly_get 1 'read-only'
    check_place readonly_look 0
    check_place readonly_remove 1 'read-only'
    ! may_run_as_other || check_place closed_make 1 'permission denied .*ls -ld /dev/shm'
    check_place missing_make 1 'is /dev/shm mounted'
    check_place missing_get 4
else
    skip 'a /dev/shm that is small, closed or not there' 'needs root, and to be allowed to mount'
fi
