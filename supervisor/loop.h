/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_LOOP_H
#define SUPERVISOR_LOOP_H

#include "supervisor/supervisor.h"

/*
 * Runs the children until none is left that runs or will. It sleeps in one ppoll, until something happens: a
 * child's end, something that one says, a signal, a time that was set. Where nothing happens it is not woken.
 */
void loop_run(struct supervisor *supervisor);
/* Waits shortly for what children, and what they have started, still have to say, and for stderr to take it. */
void loop_finish_output(struct supervisor *supervisor);

#endif
