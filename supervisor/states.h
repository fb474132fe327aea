/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_STATES_H
#define SUPERVISOR_STATES_H

#include "supervisor/supervisor.h"

/* Events of a child; the table in states.c has the action for each state and event. */
enum event {
    EVENT_TIMER,     /* it is due to be started */
    EVENT_SUCCESS,   /* it exited 0 */
    EVENT_FAILURE,   /* it ended in any other way */
    EVENT_STOP,      /* producers: the pipeline stops in order */
    EVENT_DRAINED,   /* consumers: no messages are left, or no more are to be processed */
    EVENT_TERMINATE, /* all children: the grace period is over */
    EVENT_KILL,      /* all children: kill those that are left */
    EVENTS,
};

void states_handle(struct supervisor *supervisor, struct child *child, enum event event);
/* Handles the event for all children. */
void states_handle_all(struct supervisor *supervisor, enum event event);
/* Records how far a producer came. Call it for one that was stopped or will not be restarted. */
void states_record_unread(struct supervisor *supervisor, struct child *child);

#endif
