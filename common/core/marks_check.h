/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MARKS_CHECK_H
#define SHMQ_MARKS_CHECK_H

#include "common/core/marks.h"

struct marks_fault {
    uint64_t position; /* in cells */
    const char *problem;
};

/*
 * Looks whether a lane's marks are sound: each is where it can be; those of the messages from @head to @tail stand
 * where a message begins and count on from one to the next; and the last one fits the lane's checkpoint. A block
 * without a mark is sound.
 *
 * @head   as read before
 * @tail   as read before; not more than a ring behind @head
 * @whole  all records between the marks are counted; otherwise those of the first and the last few blocks. Of more
 *         than 16384 marks, and of more than 256 records at marks, only so many are looked at then
 * @fault  receives what is wrong; it counts only if head has not moved since @head was read
 */
bool marks_check(const struct ring *ring, uint64_t head, uint64_t tail, bool whole, struct marks_fault *fault);

#endif
