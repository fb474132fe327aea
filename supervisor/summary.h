/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_SUMMARY_H
#define SUPERVISOR_SUMMARY_H

#include "supervisor/supervisor.h"

/* Prints the summary, removes or keeps the queue, and returns the exit status. */
int summary_finish(struct supervisor *supervisor);

#endif
