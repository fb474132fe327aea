/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_SUMMARY_H
#define SUPERVISOR_SUMMARY_H

#include "supervisor/supervisor.h"

/* How it went: says so, lets go of the queue, and returns the exit status. */
int summary_finish(struct supervisor *supervisor);

#endif
