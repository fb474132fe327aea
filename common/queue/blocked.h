/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_BLOCKED_H
#define SHMQ_BLOCKED_H

#include <stdint.h>

#include "common/queue/handle.h"

/*
 * A producer's waits for room, as observers see them.
 *
 * Programs wait in slices, so as to look after other things in between: they call again as soon as a put has timed
 * out. Such calls are one wait, and none of them counts as refused, if each begins soon after the one before. So
 * it is known only later whether a put that timed out was refused: at the next put that looks for room, or when
 * the producer leaves.
 */

/* A wait for room begins at @now_ns. */
void blocked_begin(struct shmq *handle, int64_t now_ns);
/* It ends with @error. */
void blocked_end(struct shmq *handle, int error);
/* A put has looked for room and does not wait for it. @refused: it fails, because there is none. */
void blocked_look(struct shmq *handle, bool refused);
/* The producer leaves: nothing will go on with a wait that was given up. */
void blocked_leave(struct shmq *handle);
/* Counts a sleep in a wait. @rung: a ring ended it. @error: what was found after it. */
void blocked_slept(struct shmq *handle, int64_t now_ns, bool rung, int error);

#endif
