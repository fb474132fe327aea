/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_VERBS_H
#define SHMQ_MONITOR_VERBS_H

#include "monitor/options.h"

/* What the monitor can do; one file each. Each returns the exit status, having reported what failed. */
int verb_list(const struct options *options);
int verb_show(const struct options *options);
int verb_check(const struct options *options);
int verb_wait(const struct options *options);
int verb_finish(const struct options *options);
int verb_shutdown(const struct options *options);
int verb_remove(const struct options *options);

/* Reports that something about the queue failed. Returns the exit status that belongs to it. */
int verb_fail(const struct options *options, const char *what, int error);

#endif
