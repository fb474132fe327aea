/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_VERBS_H
#define SHMQ_MONITOR_VERBS_H

#include "monitor/options.h"

/* The verbs of the monitor, one per file. Each reports its errors and returns the exit status. */
#define VERB_FUNCTION(code, function) int verb_##function(const struct options *options);
MONITOR_VERBS(VERB_FUNCTION)
#undef VERB_FUNCTION

/* Reports "queue 'NAME': @what: why" and returns the exit status for @error. */
int verb_fail(const struct options *options, const char *what, int error);
/* Reports a queue that is damaged, but shown. */
void verb_say_damage(const char *queue);
/* Reports a queue or file that shmq_glance finds damaged. Return: EXIT_QUEUE then; otherwise EXIT_DONE. */
int verb_judge(const struct options *options, struct shmq *queue);

#endif
