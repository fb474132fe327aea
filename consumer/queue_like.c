/* SPDX-License-Identifier: MIT */
#include "consumer/queue_like.h"

#include "common/cli/options.h"

int queue_like(struct shmq *handle, uint64_t added_bytes, struct shmq_options *sizes)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    int error = shmq_info(handle, &info);

    if (error < 0)
        return error;
    *sizes = (struct shmq_options)SHMQ_OPTIONS_INIT;
    sizes->max_message_bytes = info.max_message_bytes < SHMQ_MESSAGE_MAX - added_bytes
                                   ? info.max_message_bytes + added_bytes
                                   : SHMQ_MESSAGE_MAX;
    sizes->capacity_bytes = info.capacity_bytes;
    if (sizes->capacity_bytes < sizes->max_message_bytes)
        sizes->capacity_bytes = options_round_capacity(sizes->max_message_bytes);
    sizes->lanes = info.lanes > info.seats ? info.lanes : info.seats;
    sizes->seats = info.seats;
    sizes->mode = info.mode;
    sizes->group = info.group;
    sizes->tick_ns = info.tick_ns;
    return 0;
}
