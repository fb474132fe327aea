/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_WATCH_H
#define MONITOR_TOP_WATCH_H

#include "monitor/finder.h"
#include "monitor/top/errand.h"
#include "monitor/top/inspection.h"
#include "monitor/top/model.h"

/* Keeps the model true: adds the queues that are found, looks at them, and carries out what the user wants. */

struct watch {
    struct model *model;
    struct finder *finder;
    struct errand errand;
    struct inspection inspection;      /* of the queue whose page is shown */
    char inspected[SHMQ_NAME_MAX + 1]; /* the queue that was last looked at closely; "": none */
    size_t next;                       /* the queue at which the next round of looks goes on */
};

/* @wake: an eventfd, see finder_start. Return: 0; a negative errno. */
int watch_start(struct watch *watch, struct model *model, int wake);

/*
 * Adds a queue that is open, and shows its page. The finder will hand over another handle, as of any queue.
 *
 * Return: 0; -ENOMEM, with the handle closed.
 */
int watch_begin_with(struct watch *watch, const char *name, struct shmq *handle, int64_t now_ns);

/* Takes what the finder has found into the model, and what has become of what the user wanted. */
void watch_take_found(struct watch *watch, int64_t now_ns);

/* Begins what the user wants. */
void watch_carry_out(struct watch *watch, int64_t now_ns);

/* Looks at the queues: at the chosen one closely, at those that are shown, and at others for a limited time. */
void watch_look(struct watch *watch, int64_t now_ns);

/* Whether another queue is chosen than the one that was last looked at closely. */
bool watch_must_look(const struct watch *watch);
void watch_look_closer(struct watch *watch, int64_t now_ns);

void watch_stop(struct watch *watch);

#endif
