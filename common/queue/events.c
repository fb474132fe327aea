/* SPDX-License-Identifier: MIT */
#include "common/queue/handle.h"

int shmq_events(struct shmq *handle, uint64_t from, shmq_event_visitor *visit, void *context)
{
    const int error = handle_check_any(handle);
    (void)from;
    (void)context;
    return error != 0 ? error : visit == NULL ? -EINVAL : 0;
}
