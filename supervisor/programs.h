/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_PROGRAMS_H
#define SUPERVISOR_PROGRAMS_H

/*
 * Where producer and consumer are: beside this program, under the same prefix. Found without /proc, from the path
 * that the kernel was given.
 */

/* The path of "producer" or "consumer"; ends the program with 1 where there is none. The caller frees it. */
char *programs_find(const char *name);

#endif
