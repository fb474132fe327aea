/* SPDX-License-Identifier: MIT */
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/units.h"
#include "common/cli/why.h"
#include "monitor/output.h"

/* What the state does not say. */
static const char *also(const struct shmq_stat *stat)
{
    return stat->paused && stat->shut_down == SHMQ_DRAIN ? ", draining" : "";
}

/* Messages that wait on purpose. */
static const char *list_aside(char text[32], const struct shmq_stat *stat)
{
    text[0] = '\0';
    if (stat->aside > 0)
        snprintf(text, 32, ", %" PRIu32 " aside", stat->aside);
    return text;
}

static void print_list_line(const struct snapshot *snapshot, int width)
{
    char bytes[UNITS_SIZE];
    char lanes[32];
    char aside[32];
    char state[WHY_STATE_BYTES];
    const struct shmq_stat *stat = &snapshot->stat;
    why_queue_state(snapshot, state, sizeof(state));
    if (snapshot->error != 0) {
        printf("%-*s %7s %9s %9s %12s %10s  %s: %s\n", width, snapshot->name, "-", "-", "-", "-", "-", state,
               snapshot_reason(snapshot));
        return;
    }
    snprintf(lanes, sizeof(lanes), "%" PRIu32 "/%" PRIu32, stat->lanes_used, stat->lanes);
    printf("%-*s %7s %9" PRIu32 " %9" PRIu32 " %12" PRIu64 " %10s  %s%s%s%s%s\n", width, snapshot->name, lanes,
           stat->producers, stat->consumers, stat->messages, units_bytes(bytes, (double)stat->message_bytes),
           state, also(stat), list_aside(aside, stat), stat->unfinished > 0 ? ", a producer died" : "",
           stat->lost ? ", data lost" : "");
}

void output_list_table(const struct snapshots *snapshots)
{
    int width = (int)sizeof("NAME") - 1;
    for (size_t i = 0; i < snapshots->count; i++) {
        int length = (int)strlen(snapshots->items[i].name);
        width = length > width ? length : width;
    }
    printf("%-*s %7s %9s %9s %12s %10s  %s\n", width, "NAME", "LANES", "PRODUCERS", "CONSUMERS", "MESSAGES",
           "PAYLOAD", "STATE");
    for (size_t i = 0; i < snapshots->count; i++)
        print_list_line(&snapshots->items[i], width);
}

static void print_access(const struct shmq_stat *stat)
{
    const struct passwd *user = getpwuid(stat->owner);
    const struct group *group = getgrgid(stat->group);
    printf("  access      %04" PRIo32 ", ", stat->mode);
    if (user != NULL)
        printf("%s:", user->pw_name);
    else
        printf("%ju:", (uintmax_t)stat->owner);
    if (group != NULL)
        printf("%s\n", group->gr_name);
    else
        printf("%ju\n", (uintmax_t)stat->group);
}

static void print_aside(const struct shmq_stat *stat)
{
    char left[UNITS_SIZE];
    if (stat->aside == 0)
        return;
    printf("  aside       %" PRIu32 " of them put aside, the first due in %s\n", stat->aside,
           units_duration(left, stat->aside_left_ns));
}

static void print_queue(const struct snapshot *snapshot)
{
    const struct shmq_stat *stat = &snapshot->stat;
    char text[2][UNITS_SIZE];
    char state[WHY_STATE_BYTES];
    char why[WHY_BYTES];
    printf("queue %s: %s%s\n", snapshot->name, why_queue_state(snapshot, state, sizeof(state)), also(stat));
    if (why_it_waits(snapshot, why, sizeof(why))[0] != '\0')
        printf("  why         %s\n", why);
    if (stat->lost)
        puts("  loss        acknowledged data is no longer where a consumer wrote it");
    printf("  messages    %" PRIu64 " waiting or in flight, payload %s; %" PRIu64 " put so far, stream %s\n",
           stat->messages, units_bytes(text[0], (double)stat->message_bytes), stat->put_messages,
           units_bytes(text[1], (double)stat->put_bytes));
    print_aside(stat);
    printf("  producers   %" PRIu32 " alive, %" PRIu64 " finished, %" PRIu32 " died unfinished\n", stat->producers,
           stat->finished, stat->unfinished);
    printf("  consumers   %" PRIu32 " alive, %" PRIu32 " of them asleep\n", stat->consumers, stat->sleepers);
    printf("  lanes       %" PRIu32 " of %" PRIu32 " used, %s each, largest message %s\n", stat->lanes_used,
           stat->lanes, units_memory(text[0], stat->capacity_bytes),
           units_memory(text[1], stat->max_message_bytes));
    printf("  seats       %" PRIu32 ", tick %s%s\n", stat->seats, units_duration(text[0], stat->tick_ns),
           stat->full_fences ? ", full fences (membarrier is not available)" : "");
    printf("  memory      %s of at most %s\n", units_memory(text[0], stat->reserved_bytes),
           units_memory(text[1], stat->object_bytes));
    print_access(stat);
    printf("  id          %016" PRIx64 "\n", stat->queue_id);
}

static void print_lanes(const struct snapshot *snapshot)
{
    if (snapshot->lane_count == 0)
        return;
    printf("\n%5s %-8s %8s %-15s %4s %12s %8s %10s %5s %14s %10s\n", "LANE", "STATE", "PID", "PROGRAM", "PRIO",
           "MESSAGES", "LEASED", "USED", "%", "PUT", "STREAM");
    for (uint32_t i = 0; i < snapshot->lane_count; i++) {
        const struct shmq_lane_stat *lane = &snapshot->lanes[i];
        char used[UNITS_SIZE];
        char put[UNITS_SIZE];
        double share = 100.0 * (double)lane->used_bytes / (double)snapshot->stat.capacity_bytes;
        printf("%5" PRIu32 " %-8s %8jd %-15.15s %4" PRIu32 " %12" PRIu64 " %8" PRIu64 " %10s %5.1f %14" PRIu64
               " %10s\n",
               lane->lane, why_state_word(why_producer(lane)), (intmax_t)lane->pid, lane->program, lane->priority,
               lane->messages, lane->leased, units_memory(used, lane->used_bytes), share, lane->put_messages,
               units_bytes(put, (double)lane->put_bytes));
    }
}

static void print_seats(const struct snapshot *snapshot)
{
    if (snapshot->seat_count == 0)
        return;
    printf("\n%5s %-8s %8s %-15s %8s %5s %9s %14s %10s\n", "SEAT", "STATE", "PID", "PROGRAM", "LEASED", "LANE",
           "ATTEMPTS", "DELIVERED", "PAYLOAD");
    for (uint32_t i = 0; i < snapshot->seat_count; i++) {
        const struct shmq_seat_stat *seat = &snapshot->seats[i];
        char bytes[UNITS_SIZE];
        char lane[16] = "-";
        char left[UNITS_SIZE];
        char due[UNITS_SIZE + 8];
        snprintf(due, sizeof(due), "in %s", units_duration(left, seat->aside_left_ns));
        if (seat->leased > 0)
            snprintf(lane, sizeof(lane), "%" PRIu32, seat->lane);
        printf("%5" PRIu32 " %-8s %8jd %-15.15s %8" PRIu64 " %5s %9" PRIu32 " %14" PRIu64 " %10s\n", seat->seat,
               why_state_word(why_consumer(&snapshot->stat, seat)), (intmax_t)seat->pid,
               seat->aside ? due : seat->program, seat->leased, lane, seat->attempts, seat->delivered,
               units_bytes(bytes, (double)seat->delivered_bytes));
    }
}

void output_show_table(const struct snapshot *snapshot)
{
    print_queue(snapshot);
    print_lanes(snapshot);
    print_seats(snapshot);
}
