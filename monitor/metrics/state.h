/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_STATE_H
#define SHMQ_MONITOR_STATE_H

#include <stdio.h>

#include "monitor/metrics/watch.h"

/* What the web page shows, as JSON. Its form is between the page and this program, and changes with them. */

/* All queues, with two minutes of history. */
void state_write_all(FILE *out, const struct watch *watch);

/* One queue, with its producers, consumers, times in the queue and last events. */
void state_write_queue(FILE *out, const struct watch *watch, struct watched *item);

#endif
