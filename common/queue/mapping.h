/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_VIEW_H
#define SHMQ_VIEW_H

#include <stdint.h>

#include "common/queue/handle.h"

/* Mappings of the object: the front (header and seats) at attach, lanes and seat buffers when first needed. */

int view_map_front(struct shmq *handle);
/* Return: 0 with *@view mapped; -ENOMEM. */
int view_lane(struct shmq *handle, uint32_t lane, struct lane_view **view);
/* Maps all lanes that were ever used, but for those for which there is no memory: to wake their producers. */
void view_used_lanes(struct shmq *handle);
/* Maps a seat's buffer and reserves @bytes of it. Return: 0; -ENOSPC; -ENOMEM; what the system said. */
int view_hand(struct shmq *handle, uint32_t seat, uint64_t bytes, unsigned char **base);
void view_unmap_all(struct shmq *handle);

#endif
