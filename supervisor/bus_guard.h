/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_BUS_GUARD_H
#define SUPERVISOR_BUS_GUARD_H

/*
 * Looking into a queue that somebody has cut short raises SIGBUS. Programs that work in it can only end then; the
 * supervisor still has to say what has become of its children.
 */

/* Installs the handler. A SIGBUS outside of a guarded call, or sent by a process, ends the program as ever. */
void bus_guard_init(void);
/* Calls @call with @context. Return: what it returns; -EBADMSG if the queue's memory is gone. */
int bus_guard_call(int (*call)(void *context), void *context);

#endif
