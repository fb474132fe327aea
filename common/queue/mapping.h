/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MAPPING_H
#define SHMQ_MAPPING_H

#include <stdint.h>

#include "common/queue/handle.h"

/* Mappings of the object: the front (header and seats) at attach, the rest when first needed. */

int mapping_front(struct shmq *handle);
/* Return: 0 with *@view mapped; -ENOMEM. */
int mapping_lane(struct shmq *handle, uint32_t lane, struct lane_view **view);
/* Maps all lanes that were ever used, so that their producers can be woken. Skips those for which there is no
 * memory. */
void mapping_used_lanes(struct shmq *handle);
/* Maps a seat's buffer and reserves @bytes of it. Return: 0; -ENOSPC; -ENOMEM; other system errors. */
int mapping_seat_buffer(struct shmq *handle, uint32_t seat, uint64_t bytes, unsigned char **base);
/* Maps the slots of the producer's source, and reserves the first @count. Return: 0; -ENOSPC; -ENOMEM; other
 * system errors. */
int mapping_slots(struct shmq *handle, uint32_t count);
/* Maps the slots of the flight recorder, and reserves that of one event and those beside it. Return: 0; -ENOSPC;
 * -ENOMEM; other system errors. */
int mapping_event(struct shmq *handle, uint32_t slot, struct event **event);
/* Maps a seat's latency histogram and reserves it. Return: 0; -ENOSPC; -ENOMEM; other system errors. */
int mapping_latency(struct shmq *handle, uint32_t seat, shared_u64 **counts);
void mapping_unmap_all(struct shmq *handle);

#endif
