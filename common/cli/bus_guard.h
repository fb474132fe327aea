/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_BUS_GUARD_H
#define SHMQ_CLI_BUS_GUARD_H

/*
 * Reading a queue whose object somebody has truncated raises SIGBUS. A producer or consumer can only exit then,
 * but a program that looks at many queues, or that still has to report the fate of its children, goes on.
 */

/*
 * Installs the handler, above the one that is there. A SIGBUS outside a guarded call, or one sent by a process, is
 * passed to that one. May be called again, if it is on top or beneath another one.
 */
void bus_guard_init(void);

/*
 * Calls @call with @context. What the call has allocated and not stored is lost if the memory is gone; the handle
 * that it used can only be closed then.
 *
 * Context: any thread; not from within a guarded call.
 * Return:  what @call returned; -EBADMSG if the queue's memory is gone.
 */
int bus_guard_call(int (*call)(void *context), void *context);

#endif
