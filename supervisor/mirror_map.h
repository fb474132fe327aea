/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_MIRROR_MAP_H
#define SUPERVISOR_MIRROR_MAP_H

#include "supervisor/supervisor.h"

/*
 * Which file of a mirror has which producer's stream: "producer.2 -> out.0". Lanes are taken as producers come, so
 * the numbers need not agree. Says nothing where there is one producer, or no mirror.
 */

/* Producers were started; they are in their lanes soon. */
void mirror_map_begin(struct supervisor *supervisor);
/* Says where they are once all of them are there; looks again at .map_ns if not. */
void mirror_map_tick(struct supervisor *supervisor);
/* Says where their streams are in the end. */
void mirror_map_finish(struct supervisor *supervisor);

#endif
