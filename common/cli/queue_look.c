/* SPDX-License-Identifier: MIT */
#include "common/cli/queue_look.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "common/cli/attached.h"
#include "common/cli/snapshot.h"
#include "common/cli/units.h"
#include "common/cli/why.h"

enum { PERCENT = 100 };

static_assert((int)QUEUE_LOOK_TEXT_BYTES >= (int)WHY_BYTES, "a sentence of why.h fits");

int queue_look(struct shmq *handle, struct queue_look *look)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    *look = (struct queue_look){0};
    const int error = shmq_stat(handle, &stat);
    if (error != 0 || stat.removed)
        return error != 0 ? error : -ESTALE;
    *look = (struct queue_look){
        .put = stat.put_messages,
        .put_bytes = stat.put_bytes,
        .left = stat.messages,
        .left_bytes = stat.message_bytes,
        .fill_percent = stat.fill_percent < PERCENT ? (int)stat.fill_percent : PERCENT,
        .ended = stat.finished > 0 && stat.producers == 0 && stat.unfinished == 0,
    };
    return 0;
}

int queue_look_lane(struct shmq *handle, struct queue_look *look)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    *look = (struct queue_look){0};
    int error = shmq_info(handle, &info);
    if (error == 0)
        error = shmq_stat_lane(handle, info.place, &lane);
    if (error != 0 || info.removed)
        return error != 0 ? error : -ESTALE;
    const bool full = lane.used_bytes >= info.capacity_bytes;
    *look = (struct queue_look){
        .put = lane.put_messages,
        .put_bytes = lane.put_bytes,
        .left = lane.messages,
        .fill_percent = full ? PERCENT : (int)(lane.used_bytes * PERCENT / info.capacity_bytes),
    };
    return 0;
}

/* In between two attempts to put, the lane does not say that its producer waits. */
static void set_blocked(struct snapshot *snapshot, struct shmq *handle)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    if (shmq_info(handle, &info) != 0)
        return;
    for (uint32_t i = 0; i < snapshot->lane_count; i++)
        snapshot->lanes[i].blocked = snapshot->lanes[i].blocked || snapshot->lanes[i].lane == info.place;
}

char *queue_look_why(struct shmq *handle, const char *name, bool blocked, char text[static QUEUE_LOOK_TEXT_BYTES])
{
    struct snapshot snapshot;
    text[0] = '\0';
    const int error = snapshot_of(&snapshot, handle, name, true);
    if (error == 0 && blocked)
        set_blocked(&snapshot, handle);
    why_it_waits(&snapshot, text, QUEUE_LOOK_TEXT_BYTES);
    if (text[0] == '\0' && error == 0 && snapshot.stat.messages == 0) {
        char who[ATTACHED_BYTES];
        snprintf(text, QUEUE_LOOK_TEXT_BYTES, "empty: %s", attached_producers(handle, who));
    }
    snapshot_free(&snapshot);
    return text;
}
