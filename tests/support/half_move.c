/* SPDX-License-Identifier: MIT */
#include "tests/support/half_move.h"

#include <string.h>

#include "common/queue/handle.h"

/* Opens the lane of the mover, the only one there, as its owner. */
static int open_lane(const char *destination, const struct shmq_options *options)
{
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    struct shmq_options of_mover = *options;
    struct shmq *observer;
    struct shmq *owner;
    int error = shmq_open(&observer, destination, SHMQ_OBSERVER, NULL);
    if (error != 0)
        return error;
    error = shmq_stat_lane(observer, 0, &lane);
    (void)shmq_close(observer);
    if (error != 0)
        return error;
    of_mover.source_id = lane.source_id;
    of_mover.source_flags = SHMQ_SOURCE_MOVES;
    return shmq_open(&owner, destination, SHMQ_PRODUCER, &of_mover);
}

int half_move(struct shmq_mover *mover, struct shmq *consumer, const char *destination,
              const struct shmq_options *options, const char *headers)
{
    static shared_u64 elsewhere;
    consumer->consumer.batch.progress = &elsewhere; /* nobody sees its acknowledgement */
    const int error = shmq_move(mover, headers, strlen(headers), 0);
    return error != 0 ? error : open_lane(destination, options);
}
