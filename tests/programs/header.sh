#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Callers and libraries of different versions: public structs begin with their size, and fields are only appended.
. "$(dirname "$0")/../support/lib.sh"

# Prints what each version of a caller sees. With LATER, it also sets the field that only the later header has.
cat >"$scratch/caller.c" <<'END'
#include <shmq.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CANARY 0xa5

static int canary_is_alive(const unsigned char *bytes)
{
    for (int i = 0; i < 64; i++)
        if (bytes[i] != CANARY)
            return 0;
    return 1;
}

#define LOOK(call, type, initial)                            \
    do {                                                     \
        struct {                                             \
            struct type it;                                  \
            unsigned char behind[64];                        \
        } room = {.it = initial};                            \
        memset(room.behind, CANARY, sizeof(room.behind));    \
        const int code = call;                               \
        printf(#type " %s%s\n", code == 0 ? "read" : strerror(-code), \
               canary_is_alive(room.behind) && room.it.size == sizeof(room.it) ? "" : ", overrun"); \
    } while (0)

int main(int count, char **arguments)
{
    struct shmq_options options = SHMQ_OPTIONS_INIT;
    struct shmq *producer = NULL, *consumer = NULL;
    char text[16] = "";
    size_t length = 0;
    int code;

    (void)count;
    options.create = true;
    options.capacity_bytes = 4096;
    options.priority = 2;
#ifdef LATER
    options.appended = count > 2;
#endif
    if ((code = shmq_open(&producer, arguments[1], SHMQ_PRODUCER, &options)) != 0 ||
        (code = shmq_open(&consumer, arguments[1], SHMQ_CONSUMER, NULL)) != 0) {
        printf("open: %s\n", strerror(-code));
        return 1;
    }
    LOOK(shmq_info(producer, &room.it), shmq_info, SHMQ_INFO_INIT);
    LOOK(shmq_get_run(producer, &room.it), shmq_run, SHMQ_RUN_INIT);
    LOOK(shmq_stat(producer, &room.it), shmq_stat, SHMQ_STAT_INIT);
    LOOK(shmq_stat_lane(producer, 0, &room.it), shmq_lane_stat, SHMQ_LANE_STAT_INIT);
    LOOK(shmq_stat_seat(producer, 0, &room.it), shmq_seat_stat, SHMQ_SEAT_STAT_INIT);
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    if (shmq_stat_lane(producer, 0, &lane) == 0)
        printf("priority %u\n", lane.priority);
    if (shmq_put(producer, "hello", 6, 0) == 0 && shmq_get(consumer, text, sizeof(text), &length, 0) == 0)
        puts(text);
    (void)shmq_close(producer);
    (void)shmq_close(consumer);
    return shmq_remove(arguments[1], false) != 0;
}
END

# ------------------------------------------------------------------ a later version

# Appends a field to every struct with a size; the one in the options has a default other than 0.
later=$scratch/later
mkdir "$later"
cp -R "$top/Makefile" "$top/common" "$later"
structs=$(sed -n 's/^struct \(shmq_[a-z_]*\) {$/\1/p' "$top/common/shmq.h")
sized=0
for name in $structs; do
    sed -n "/^struct $name {/,/^}/p" "$top/common/shmq.h" | grep -q '^    size_t size;' || continue
    sed -i "/^struct $name {/,/^}/ s/^};/    uint64_t appended;\n};/" "$later/common/shmq.h"
    sized=$((sized + 1))
done
check 'the structs with a size are found' test $sized -ge 6
sed -i 's/\.group = SHMQ_GROUP_ANY, /&.appended = 9, /' "$later/common/shmq.h"
sed -i 's/^    int error = sized_take_options(&known, options);/&\n    if (error == 0 \&\& known.appended != 9)\n        return -EXDEV;/' \
    "$later/common/queue/open.c"
sed -i 's/offsetof(struct shmq_options, [a-z_]*)/offsetof(struct shmq_options, appended)/' "$later/common/queue/sized.c"
check_status 'a later version is built' 0 make -s -C "$later" BUILD="$later/build" CFLAGS=-O0 "$later/build/libshmq.so"

mkdir "$scratch/present" "$scratch/first"
cp "$top/common/shmq.h" "$scratch/present/shmq.h"
cp "$top/tests/support/shmq_0_2_0.h" "$scratch/first/shmq.h"

# Runs a caller with a library; its output goes to $scratch/said.
run_caller() { # HEADER-FOLDER LIBRARY-FOLDER [ARGUMENT]
    local later_field=()
    [[ $1 != "$later/common" ]] || later_field=(-DLATER)
    new_queue
    gcc -Wall -Wextra -Werror "${later_field[@]}" -I "$1" -o "$scratch/caller" "$scratch/caller.c" -L "$2" -lshmq \
        >"$scratch/compile.log" 2>&1 || { cat "$scratch/compile.log"; return; }
    LD_LIBRARY_PATH=$2 "$scratch/caller" "$queue" "${@:3}" 2>&1
}

works='shmq_info read
shmq_run read
shmq_stat read
shmq_lane_stat read
shmq_seat_stat read
priority 2
hello'
check_equal 'a caller of 0.2.0, with this library' "$works" "$(run_caller "$scratch/first" "$build")"
check_equal 'a caller of 0.2.0, with a later library' "$works" "$(run_caller "$scratch/first" "$later/build")"
check_equal 'a caller of this version, with a later library' "$works" \
    "$(run_caller "$scratch/present" "$later/build")"
check_equal 'a later caller, with its library: it has the field' 'open: Invalid cross-device link' \
    "$(run_caller "$later/common" "$later/build")"
check_equal 'a later caller, with this library: what it reads is refused' \
    "$(printf 'shmq_%s Invalid argument\n' info run stat lane_stat seat_stat
        echo hello)" "$(run_caller "$later/common" "$build")"
check_equal 'a later caller, with this library: an option that this one does not know is refused' \
    'open: Invalid argument' "$(run_caller "$later/common" "$build" option)"
