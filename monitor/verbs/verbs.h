/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_VERBS_H
#define SHMQ_MONITOR_VERBS_H

#include "monitor/options.h"

/* The verbs of the monitor, one per file. Each reports its errors and returns the exit status. */
int verb_list(const struct options *options);
int verb_show(const struct options *options);
int verb_check(const struct options *options);
int verb_wait(const struct options *options);
int verb_finish(const struct options *options);
int verb_shutdown(const struct options *options);
int verb_remove(const struct options *options);

/* Reports "queue 'NAME': @what: why" and returns the exit status for @error. */
int verb_fail(const struct options *options, const char *what, int error);

#endif
