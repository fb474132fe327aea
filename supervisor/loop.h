/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_LOOP_H
#define SUPERVISOR_LOOP_H

#include "supervisor/supervisor.h"

/*
 * Runs the children until none is running or waiting to be started. It sleeps in a single ppoll until an event
 * arrives: the end of a child, stderr output of one, a signal, or a timer. Without an event it does not wake up.
 */
void loop_run(struct supervisor *supervisor);
/* Waits briefly for the remaining stderr output of children and their descendants, and for stderr to take it. */
void loop_finish_output(struct supervisor *supervisor);

#endif
