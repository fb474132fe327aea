/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_SLOTS_H
#define SHMQ_SLOTS_H

#include "common/queue/handle.h"

/* The slots of a lane's source: records that outlive its owners. See struct source_slot. */

/*
 * Empties all slots of the lane, in one store.
 * Context: the owner; the lane has no source_id, so whoever dies here leaves slots that no source finds.
 */
void slots_empty(struct lane_control *control);
/* Looks for a slot that is invalid. Context: any role; reserves and maps nothing. Return: SHMQ_SLOTS_MAX if there
 * is none. */
uint32_t slots_find_invalid(const struct shmq *handle, uint32_t lane, const struct lane_control *control);

#endif
