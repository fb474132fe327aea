/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_OPTIONS_H
#define SHMQ_CLI_OPTIONS_H

#include <stdbool.h>

#include "common/shmq.h"

/* What the options of all programs end in; those that they share are in option_common.h. */

enum exit_status {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_ENDED = 3,   /* queue shut down, its producers died, or its stream ended, before this program was done */
    EXIT_TIMEOUT = 4, /* timed out or full; a consumer: --idle passed before it was done or had anything */
    EXIT_QUEUE = 5,   /* queue damaged, removed, of another version or with other sizes */
};

struct common_options {
    const char *queue;        /* -Q, else $SHMQ_QUEUE, else "default" */
    struct shmq_options shmq; /* creating options as given */
};

/* Sets the defaults, from the environment where it has a say; checks nothing yet. */
void options_init(struct common_options *options);

/* Checks what can be checked once all are read (the queue's name); ends with EXIT_USAGE if it is bad. */
void options_finish(struct common_options *options);

/* What the library makes of a --capacity; 0 stays 0. */
uint64_t options_round_capacity(uint64_t bytes);

/* Says, with -v, that --capacity was rounded up; for those who use the queue, once they do. */
void options_tell_rounding(const struct common_options *options);

/* Ends with EXIT_USAGE if the library's @error comes from options that only make no sense for a new queue. */
void options_explain(const struct common_options *options, int error);

/* Reports "--NAME VALUE: why (what is allowed)" and "Try 'PROGRAM --help'."; ends with EXIT_USAGE. */
_Noreturn void options_bad(const char *name, const char *value, const char *allowed);
/* Reports any other usage error in the same way. */
_Noreturn void options_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says "Try 'PROGRAM --help'."; ends with EXIT_USAGE. */
_Noreturn void options_try_help(void);

/* The exit status for a negative errno of the library. */
enum exit_status exit_status_of(int error);

#endif
