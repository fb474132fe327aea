/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_SAY_H
#define SHMQ_CLI_SAY_H

#include <stddef.h>

/*
 * Messages to the user: always on stderr, a whole line in a single write. Threads may speak at the same time:
 * their lines do not mix.
 */

enum say_level { SAY_ERRORS, SAY_STATUS, SAY_DETAILS };

/*
 * Takes the program's name from argv[0], without folders, and sets argv[0] to it. Call this first.
 * Opens descriptors 0, 1 and 2 if they are closed, so that no file opened later becomes one of them.
 *
 * @program  its name in build/, used if argv[0] is missing or empty
 */
void say_init(const char *program, int argc, char **argv);
/* The name that the program was called by, without folders. */
const char *say_program(void);
/* The prefix of the installed programs' names ("shmq-"; "" in build/), for messages: "see '%smonitor list'". */
const char *say_prefix(void);
void say_set_level(enum say_level level);
enum say_level say_get_level(void);

/*
 * Passes all messages to @writer, as whole lines, instead of stderr. It must say nothing itself. NULL: back to
 * stderr.
 */
void say_set_writer(void (*writer)(const char *text, size_t bytes));

/* @before is called before each whole line is written, live lines and those in passing excepted; NULL: nothing is.
 */
void say_set_before(void (*before)(void));

/* "producer: what failed: why (what to do)"; always shown. */
void say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Results and other news for the user; hidden by -q. */
void say_status(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Details of what the program does; shown by -v. */
void say_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * A status that is not worth waiting for: like say_status, but if stderr takes nothing at the moment (a pipe that
 * nobody reads, a terminal that is halted), it is not said. So it never holds up the caller.
 */
void say_in_passing(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Redraws the live line on a terminal with @text, in passing; hidden by -q. Any other message erases it first. */
void say_live(const char *text);
/* Erases the live line. */
void say_live_end(void);
/* The same, in a signal handler that ends the process. */
void say_live_end_by_signal(void);

#endif
