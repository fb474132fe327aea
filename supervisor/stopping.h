/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_STOPPING_H
#define SUPERVISOR_STOPPING_H

#include "supervisor/signals.h"
#include "supervisor/supervisor.h"

/*
 * The end before the end of the source: producers are told, consumers drain; those that would not end by
 * themselves are told once nothing is left for them; after the grace all are told, and then killed.
 */

/* A signal asks for an end. */
void stopping_signal(struct supervisor *supervisor, const struct stop_signal *stop);
/* Takes the next step if its time has come. */
void stopping_advance(struct supervisor *supervisor);

#endif
