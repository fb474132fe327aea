/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_PROGRAMS_H
#define SUPERVISOR_PROGRAMS_H

/*
 * Finds producer and consumer: they are beside this program, with the same name prefix. Uses the path that the
 * kernel was given to execute it, and needs no /proc.
 */

/* Returns the path of "producer" or "consumer", which the caller frees; exits if there is none. */
char *programs_find(const char *name);

#endif
