/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_STOPPING_H
#define SUPERVISOR_STOPPING_H

#include "supervisor/signals.h"
#include "supervisor/supervisor.h"

/*
 * Stopping before the end of the source: producers are told to end, and consumers drain the queue. Consumers that
 * do not end by themselves are told once the queue is drained. After the grace period all children are told to
 * end, and then killed. After a signal, consumers that run commands are told to end at once instead, and have as
 * long as their own options allow.
 */

/* Handles a stop request. */
void stopping_signal(struct supervisor *supervisor, const struct stop_signal *stop);
/* Takes the next step of stopping if it is due. */
void stopping_advance(struct supervisor *supervisor);

#endif
