/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_OPTIONS_H
#define SHMQ_CLI_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>

#include "common/shmq.h"

/*
 * The options that all programs have in common: -Q -v -q -h -V, and the creating options
 * --capacity --max-message --lanes --seats --mode --group (and --tick).
 *
 * A program puts OPTIONS_COMMON_SHORT and OPTIONS_COMMON_LONG into its own getopt_long tables and
 * hands every option that it does not know to options_take_common.
 */

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

/* Long options without a letter are numbered from here; programs number their own from OPTION_OWN. */
enum option_code {
    OPTION_CAPACITY = 256,
    OPTION_MAX_MESSAGE,
    OPTION_LANES,
    OPTION_SEATS,
    OPTION_MODE,
    OPTION_GROUP,
    OPTION_TICK,
    OPTION_OWN = 300,
};

#define OPTIONS_COMMON_SHORT "Q:vqhV"
#define OPTIONS_COMMON_LONG                                                                                       \
    {"queue", required_argument, NULL, 'Q'}, {"verbose", no_argument, NULL, 'v'},                                 \
        {"quiet", no_argument, NULL, 'q'}, {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, \
        {"capacity", required_argument, NULL, OPTION_CAPACITY},                                                   \
        {"max-message", required_argument, NULL, OPTION_MAX_MESSAGE},                                             \
        {"lanes", required_argument, NULL, OPTION_LANES}, {"seats", required_argument, NULL, OPTION_SEATS},       \
        {"mode", required_argument, NULL, OPTION_MODE}, {"group", required_argument, NULL, OPTION_GROUP},         \
    {                                                                                                             \
        "tick", required_argument, NULL, OPTION_TICK                                                              \
    }

/*
 * Prints @help and that of these options, the creating ones if @creates, to stdout; exits 0, or 1 if it cannot.
 * {self} in @help is the name that this program was called by, {prefix} what stands before the names of the
 * others.
 */
_Noreturn void options_print_help(const char *help, bool creates);

/* Sets the defaults, from the environment where it has a say; checks nothing yet. */
void options_init(struct common_options *options);

/*
 * Takes one option of the table above: @code is what getopt_long returned, @argument its optarg.
 * -h and -V print to stdout and exit 0 (1 if stdout cannot be written); @help is the program's own help text.
 * An unknown option or a bad value is reported and ends the program with EXIT_USAGE.
 */
void options_take_common(struct common_options *options, int code, const char *argument, const char *help);

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
