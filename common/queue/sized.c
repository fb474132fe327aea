/* SPDX-License-Identifier: MIT */
#include "common/queue/sized.h"

#include <errno.h>
#include <string.h>

#include "common/shmq.h"

#define SIZE_LIMIT 4096 /* bytes; a greater size is not initialised */

_Static_assert(sizeof(struct shmq_options) >= OPTIONS_FIRST_BYTES, "fields are only ever appended");
_Static_assert(sizeof(struct shmq_info) >= INFO_FIRST_BYTES, "fields are only ever appended");
_Static_assert(sizeof(struct shmq_run) >= RUN_FIRST_BYTES, "fields are only ever appended");
_Static_assert(sizeof(struct shmq_stat) >= STAT_FIRST_BYTES, "fields are only ever appended");
_Static_assert(sizeof(struct shmq_lane_stat) >= LANE_STAT_FIRST_BYTES, "fields are only ever appended");
_Static_assert(sizeof(struct shmq_seat_stat) >= SEAT_STAT_FIRST_BYTES, "fields are only ever appended");
_Static_assert(sizeof(struct shmq_outgoing) >= OUTGOING_FIRST_BYTES, "fields are only ever appended");
_Static_assert(sizeof(struct shmq_aside) >= ASIDE_FIRST_BYTES, "fields are only ever appended");
/* Otherwise a field appended there later would be read from an older caller's padding. */
_Static_assert(offsetof(struct shmq_options, queue_flags) + sizeof(uint64_t) == sizeof(struct shmq_options),
               "options end without padding");

static size_t size_of(const void *theirs)
{
    size_t size;
    memcpy(&size, theirs, sizeof(size));
    return size;
}

int sized_check(const void *theirs, size_t first_bytes, size_t our_bytes)
{
    return theirs == NULL || size_of(theirs) < first_bytes || size_of(theirs) > our_bytes ? -EINVAL : 0;
}

void sized_give(void *theirs, const void *ours)
{
    const size_t size = size_of(theirs);
    memcpy((unsigned char *)theirs + sizeof(size), (const unsigned char *)ours + sizeof(size),
           size - sizeof(size));
}

int sized_take(void *ours, size_t our_bytes, const void *theirs, size_t first_bytes)
{
    const size_t size = size_of(theirs);
    if (size < first_bytes || size > SIZE_LIMIT)
        return -EINVAL;
    for (size_t i = our_bytes; i < size; i++)
        if (((const unsigned char *)theirs)[i] != 0)
            return -EINVAL;
    const size_t known = size < our_bytes ? size : our_bytes;
    memcpy((unsigned char *)ours + sizeof(size), (const unsigned char *)theirs + sizeof(size),
           known - sizeof(size));
    return 0;
}

int sized_take_options(struct shmq_options *known, const struct shmq_options *given)
{
    *known = (struct shmq_options)SHMQ_OPTIONS_INIT;
    return given == NULL ? 0 : sized_take(known, sizeof(*known), given, OPTIONS_FIRST_BYTES);
}
