/* SPDX-License-Identifier: MIT */
#include "bench/support/ends.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int ends_open_sender(struct channel *channel, unsigned number)
{
    (void)number;
    return close(ends_of(channel)->ends[RECEIVING]) == 0 ? 0 : -errno;
}

int ends_open_receiver(struct channel *channel, unsigned number)
{
    struct ends_channel *mine = ends_of(channel);
    (void)number;
    mine->buffer = aligned_alloc(64, (channel->plan->size + 63) & ~(size_t)63);
    if (mine->buffer == NULL)
        return -ENOMEM;
    return close(mine->ends[SENDING]) == 0 ? 0 : -errno;
}

void ends_close_receiver(struct channel *channel)
{
    free(ends_of(channel)->buffer);
}
