/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_OPTIONS_H
#define SHMQ_CLI_OPTIONS_H

#include <stdbool.h>

#include "common/shmq.h"

/* Values, errors and exit statuses that all programs share. Their common options are defined in option_common.h.
 */

enum exit_status {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_ENDED = 3, /* before the program was done, the queue was shut down, its producers died or all finished */
    EXIT_TIMEOUT = 4, /* timed out or full; in a consumer: --idle passed before it was done or received anything */
    EXIT_QUEUE = 5,   /* the queue is damaged, was removed, or has another version or other sizes */
    EXIT_DEAD_LETTERS = 6, /* all else was done, but messages were given up and are in the dead-letter queue */
    EXIT_LASTING = 78,     /* --supervised: EXIT_FAILED, and another attempt would fail in the same way */
    EXIT_HALTED = 79,      /* --supervised: EXIT_DEAD_LETTERS, and nobody is to start any more */
    EXIT_CANNOT_RUN = 126, /* as in a shell: a program exists but cannot be executed */
    EXIT_NOT_FOUND = 127,  /* as in a shell: there is no such program */
};

struct common_options {
    const char *queue;        /* -Q, else $SHMQ_QUEUE, else "default" */
    struct shmq_options shmq; /* creation options as given */
    bool supervised;          /* a supervisor decides about another attempt, and advises its user */
};

/* Sets the defaults, some of them from the environment. Checks nothing. */
void options_init(struct common_options *options);

/* Checks the options once all are read: sizes and the queue's name. Exits with EXIT_USAGE if one is invalid. */
void options_finish(struct common_options *options);

/* Rounds a --capacity up as the library does; 0 stays 0. */
uint64_t options_round_capacity(uint64_t bytes);

/* With -v, says that --capacity was rounded up. For programs that put or get, once they have opened the queue. */
void options_say_rounding(const struct common_options *options);

/* Exits with EXIT_USAGE if the library's @error is due to options that are invalid for a new queue only. */
void options_explain(const struct common_options *options, int error);

/* Reports "--NAME VALUE: why (what is allowed)" and "Try 'PROGRAM --help'."; exits with EXIT_USAGE. */
_Noreturn void options_bad(const char *name, const char *value, const char *allowed);
/* Reports any other usage error in the same way. */
_Noreturn void options_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A source that the options may name. */
struct options_source {
    const char *name; /* as it is given */
    int kind;         /* the caller's */
    bool given;
};

/* Return: the kind of the source that is given; @otherwise: none is. Exits with EXIT_USAGE if several are. */
int options_choose_source(const struct options_source *sources, size_t count, int otherwise);

/* Prints "Try 'PROGRAM --help'."; exits with EXIT_USAGE. */
_Noreturn void options_try_help(void);

/* The exit status for a negative errno of the library. */
enum exit_status exit_status_of(int error);

/* Whether an attempt that failed with this errno may succeed later with nobody having changed anything for it. */
bool error_may_pass(int error);

/* What main returns for @status. @may_pass: another attempt may succeed. */
int exit_status_told(const struct common_options *options, int status, bool may_pass);

#endif
