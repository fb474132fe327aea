/* SPDX-License-Identifier: MIT */
#include "common/cli/attached.h"

#include <stdio.h>

#include "common/cli/process_state.h"

struct attached {
    unsigned count;
    unsigned stopped;
};

static void count(struct attached *attached, bool alive, pid_t pid, const char *program)
{
    if (!alive)
        return;
    const enum process_state state = process_state_of(pid, program);
    attached->count++;
    attached->stopped += state == PROCESS_STOPPED || state == PROCESS_TRACED;
}

static char *describe(const struct attached *attached, const char *role, char *text)
{
    const char *stopped = attached->count == 0 || attached->stopped < attached->count ? ""
                          : attached->count == 1                                      ? ", but stopped"
                                                                                      : ", all stopped";
    if (attached->count == 0)
        snprintf(text, ATTACHED_BYTES, "no %s is attached", role);
    else if (attached->count == 1)
        snprintf(text, ATTACHED_BYTES, "1 %s is attached%s", role, stopped);
    else
        snprintf(text, ATTACHED_BYTES, "%u %ss are attached%s", attached->count, role, stopped);
    return text;
}

char *attached_consumers(struct shmq *queue, char text[static ATTACHED_BYTES])
{
    struct shmq_info info = SHMQ_INFO_INIT;
    struct attached attached = {0};
    if (shmq_info(queue, &info) != 0)
        info.seats = 0;
    for (uint32_t i = 0; i < info.seats; i++) {
        struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
        (void)shmq_stat_seat(queue, i, &seat); /* damage does not matter here */
        count(&attached, seat.alive, seat.pid, seat.program);
    }
    return describe(&attached, "consumer", text);
}

char *attached_producers(struct shmq *queue, char text[static ATTACHED_BYTES])
{
    struct shmq_info info = SHMQ_INFO_INIT;
    struct attached attached = {0};
    if (shmq_info(queue, &info) != 0)
        info.lanes = 0;
    for (uint32_t i = 0; i < info.lanes; i++) {
        struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
        (void)shmq_stat_lane(queue, i, &lane);
        count(&attached, lane.alive, lane.pid, lane.program);
    }
    return describe(&attached, "producer", text);
}
