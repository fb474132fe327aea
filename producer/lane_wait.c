/* SPDX-License-Identifier: MIT */
#include "producer/lane_wait.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"
#include "common/cli/wait_notice.h"

#define SLICE_NS INT64_C(200000000)

struct lane_usage {
    uint32_t lanes;
    uint32_t alive;    /* owned by a living producer */
    uint32_t reserved; /* left unfinished; only a producer with the same source may take them */
};

static void count_lanes(const char *queue, struct lane_usage *lane_usage)
{
    struct shmq *observer;
    struct shmq_info info = SHMQ_INFO_INIT;
    *lane_usage = (struct lane_usage){0};
    if (shmq_open(&observer, queue, SHMQ_OBSERVER, NULL) != 0)
        return;
    if (shmq_info(observer, &info) == 0)
        lane_usage->lanes = info.lanes;
    for (uint32_t i = 0; i < lane_usage->lanes; i++) {
        struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
        (void)shmq_stat_lane(observer, i, &lane);
        lane_usage->alive += lane.alive;
        lane_usage->reserved += lane.used && !lane.alive && !lane.finished && lane.source_id != 0;
    }
    (void)shmq_close(observer);
}

/* Describes who has the lanes and what to do about it. */
static void describe(const char *queue, char *text, size_t size)
{
    struct lane_usage lane_usage;
    count_lanes(queue, &lane_usage);
    if (lane_usage.reserved > 0)
        (void)snprintf(
            text, size,
            "%" PRIu32 " of %" PRIu32 " in use by living producers, %" PRIu32
            " reserved for unfinished sources (restart their producers with --resume, or give them up with "
            "'%smonitor finish %s')",
            lane_usage.alive, lane_usage.lanes, lane_usage.reserved, say_prefix(), queue);
    else if (lane_usage.lanes == 1)
        (void)snprintf(text, size,
                       "the only one is in use by a living producer (create the queue with more --lanes)");
    else
        (void)snprintf(text, size,
                       "all %" PRIu32 " are in use by living producers (create the queue with more --lanes)",
                       lane_usage.lanes);
}

static void say_waiting(const struct lane_wait *wait)
{
    char text[LANE_WAIT_TEXT_BYTES];
    describe(wait->queue, text, sizeof(text));
    say_status("queue '%s': waiting for a lane: %s", wait->queue, text);
}

static void say_end_of_wait(const struct lane_wait *wait, int64_t waited_ns)
{
    char text[UNITS_SIZE];
    say_status("queue '%s': got a lane after %s", wait->queue, units_duration(text, waited_ns));
}

const char *lane_wait_text(const struct lane_wait *wait, char *text)
{
    char time[UNITS_SIZE];
    const bool waited = wait->on_full == ON_FULL_BLOCK && wait->timeout_ns > 0;
    const int length = snprintf(text, LANE_WAIT_TEXT_BYTES, "no free lane%s%s: ", waited ? " for " : "",
                                waited ? units_duration(time, wait->timeout_ns) : "");
    describe(wait->queue, text + length, (size_t)(LANE_WAIT_TEXT_BYTES - length));
    return text;
}

/*
 * How long one call of the library may wait for a lane. Even where no wait is wanted, it waits as long as the lock
 * of a killed owner may take to disappear.
 */
static int64_t slice_ns(const struct lane_wait *wait, int64_t waited_ns)
{
    if (wait->on_full != ON_FULL_BLOCK || wait->timeout_ns == 0)
        return SHMQ_ATTACH_WAIT_DEFAULT_NS;
    const int64_t left = wait->timeout_ns < 0 ? SLICE_NS : wait->timeout_ns - waited_ns;
    return left < 0 ? 0 : left < SLICE_NS ? left : SLICE_NS;
}

static bool has_given_up(const struct lane_wait *wait, int64_t waited_ns)
{
    return wait->on_full != ON_FULL_BLOCK || (wait->timeout_ns >= 0 && waited_ns >= wait->timeout_ns);
}

int lane_wait_open(struct shmq **handle, const struct lane_wait *wait, struct shmq_options *how)
{
    const int64_t since = stop_now_ns();
    int64_t waited = 0;
    bool said = false;
    for (;;) {
        how->attach_wait_ns = slice_ns(wait, waited);
        const int error = shmq_open(handle, wait->queue, SHMQ_PRODUCER, how);
        waited = stop_now_ns() - since;
        if (error == 0 && said && waited >= WAIT_NOTICE_LONG_NS)
            say_end_of_wait(wait, waited);
        if (error != -EUSERS || has_given_up(wait, waited))
            return error;
        wait->tick(wait->context);
        if (waited >= WAIT_NOTICE_AFTER_NS && !said) {
            say_waiting(wait);
            said = true;
        }
    }
}
