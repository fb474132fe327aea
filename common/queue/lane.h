/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_LANE_H
#define SHMQ_LANE_H

#include "common/queue/handle.h"

#define LANE_LOCK_WAIT_NS INT64_C(100000000) /* how long to wait for a lock that is about to go */

/* A producer's lane: how it is chosen, taken up and left. */

/*
 * Takes a lane: that of its own source if there is one, otherwise a suitable one. Continues at the lane's tail.
 *
 * Context: waits while other producers with a source choose their lanes, until nobody has come or gone for
 *          OBJECT_WAIT_NS, and then for a holder of the same source that is about to die, LANE_WAIT_NS at most.
 * Crash:   leaves the lane as if its owner had died.
 * Return:  0; -EUSERS if all lanes are taken; -ESHUTDOWN if they are and the queue is shut down; -EBUSY if a live
 *          producer has the same source, or after these waits; -EINTR; -ENOSPC; -ENOMEM; -EBADMSG;
 *          other system errors.
 */
int lane_attach(struct shmq *handle, const struct shmq_options *options);
/* Marks the lane as finished; it keeps its owner. Return: 0; -ESTALE. */
int lane_finish(struct shmq *handle);
/* Gives up the lane, which stays as it is. */
void lane_detach(struct shmq *handle);
/*
 * If nothing was put into the lane, leaves it finished or unfinished, as it was found; otherwise, as it is.
 * Crash: leaves it unfinished or as it was found.
 */
void lane_restore(struct shmq *handle);
/* Whether a dead owner's lane may be finished. Called while its byte is locked, so nobody takes it up meanwhile.
 */
typedef bool lane_may_finish(const void *context, const struct lane_control *control);
/*
 * Marks a dead owner's lane as finished on the owner's behalf; changes nothing else in the lane.
 *
 * @wait_ns  how long to wait for a lock that is about to go, as that of a producer that chooses a lane
 * @may      asked at last; NULL: whichever lane it is
 *
 * Context: @handle is an observer that may write, or the owner of another lane.
 * Crash:   leaves the lane either finished or unfinished; consumers notice at their next tick.
 * Return:  0; -EBUSY if its owner is alive, or @may says no; -EALREADY; -EINVAL if there is no such lane; -ENOMEM;
 * -EBADMSG; -ESTALE; other system errors.
 */
int lane_finish_dead(struct shmq *handle, uint32_t lane, int64_t wait_ns, lane_may_finish *may,
                     const void *context);

#endif
