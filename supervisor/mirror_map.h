/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_MIRROR_MAP_H
#define SUPERVISOR_MIRROR_MAP_H

#include "supervisor/supervisor.h"

/*
 * Reports which file of a mirror has which producer's stream: "producer.2 -> out.0". Producers take lanes in the
 * order in which they attach, so the numbers need not agree. Reports nothing for a single producer or without a
 * mirror.
 */

/* Call it when the producers are started; they will have their lanes soon. */
void mirror_map_begin(struct supervisor *supervisor);
/* Reports the files once all producers have a lane; until then, checks again at .map_ns. */
void mirror_map_tick(struct supervisor *supervisor);
/* Reports the files at the end. */
void mirror_map_finish(struct supervisor *supervisor);

#endif
