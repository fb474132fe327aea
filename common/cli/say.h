/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_SAY_H
#define SHMQ_CLI_SAY_H

#include <stddef.h>

/* What a program tells its user: always on stderr, one line at a time, in one write. */

enum say_level { SAY_ERRORS, SAY_STATUS, SAY_DETAILS };

/*
 * Names the program after argv[0], by which it was called, and sets argv[0] to that name; call it first.
 * Descriptors 0, 1 and 2 that are closed are filled, so that no file opened later becomes one of them.
 *
 * @program  its name in build/, which is used where it was called by none
 */
void say_init(const char *program, int argc, char **argv);
/* The name that it was called by, without folders. */
const char *say_program(void);
/* What stands before the names in build/ where the programs are installed ("shmq-"): "see '%smonitor list'". */
const char *say_prefix(void);
void say_set_level(enum say_level level);
enum say_level say_get_level(void);

/* Has what is said written by @writer instead, which gets whole lines; NULL: on stderr, as ever. */
void say_set_writer(void (*writer)(const char *text, size_t bytes));

/* "producer: what failed: why (what to do)"; always shown. */
void say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What a user wants to know at the end; hidden by -q. */
void say_status(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What helps to see what goes on; shown by -v. */
void say_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Rewrites the one line that stays open on a terminal; hidden by -q. Whatever is said next ends it first. */
void say_live(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_live_end(void);

#endif
