/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_GIVEN_OPTIONS_H
#define CONSUMER_GIVEN_OPTIONS_H

#include <stdbool.h>

#include "consumer/option_table.h"
#include "consumer/options.h"

/*
 * The options, which the table fills and therefore expects first, and the names of the options that were given, to
 * detect conflicts; NULL: not given.
 */
struct given {
    struct consumer_options options;
    const struct option_entry *sink;
    char sink_text[OPTION_WRITTEN_BYTES];
    const struct option_entry *framing;
    char framing_text[OPTION_WRITTEN_BYTES];
    const char *prefix;
    const char *exec_only;    /* an option that needs --exec or -- PROGRAM */
    const char *judged_only;  /* one that may also go with --pipe-ack */
    const char *given_up;     /* one that may go with --forward and --to as well */
    struct forward_list full; /* the queues of --forward-full */
    const char *output_mode;
    bool in_order;
    bool aside;
    const char *dead_letter;
    bool version;
};

/* Before any is given: the defaults. */
void given_options_init(struct given *given);

/* Takes an option from the command line; @into is a struct given. For option_table_read. */
void given_options_take(void *into, const struct option_group *group, const struct option_entry *entry,
                        const char *argument);

#endif
