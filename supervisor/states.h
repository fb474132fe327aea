/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_STATES_H
#define SUPERVISOR_STATES_H

#include "supervisor/supervisor.h"

/* What can happen to a child; what comes of it in which of its states is the table in states.c. */
enum event {
    EVENT_TIMER,     /* the time for its start has come */
    EVENT_SUCCESS,   /* it ended with 0 */
    EVENT_FAILURE,   /* it ended otherwise */
    EVENT_STOP,      /* producers: the pipeline is to end in order */
    EVENT_DRAINED,   /* consumers: nothing is left for them */
    EVENT_TERMINATE, /* what still runs is to end */
    EVENT_KILL,      /* now */
    EVENTS,
};

void states_handle(struct supervisor *supervisor, struct child *child, enum event event);
/* The same for all children. */
void states_handle_all(struct supervisor *supervisor, enum event event);
/* A producer was stopped, or will not be started again: notes how far it came. */
void states_record_unread(struct supervisor *supervisor, struct child *child);

#endif
