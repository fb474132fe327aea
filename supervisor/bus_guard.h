/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_BUS_GUARD_H
#define SUPERVISOR_BUS_GUARD_H

/*
 * Reading a queue whose object somebody has truncated raises SIGBUS. A producer or consumer can only exit then,
 * but the supervisor still has to report the fate of its children.
 */

/* Installs the handler. A SIGBUS outside a guarded call, or one sent by a process, ends the program as usual. */
void bus_guard_init(void);
/* Calls @call with @context. Returns its result, or -EBADMSG if the queue's memory is gone. */
int bus_guard_call(int (*call)(void *context), void *context);

#endif
