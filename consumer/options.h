/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_OPTIONS_H
#define CONSUMER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cli/option_nats.h"
#include "common/cli/options.h"
#include "consumer/forward_list.h"
#include "consumer/framing.h"

/* Also the codes of the options in consumer_sink_section. */
enum sink_kind {
    SINK_STDOUT, /* none was given, or --output - */
    SINK_OUTPUT,
    SINK_MIRROR,
    SINK_EXEC,
    SINK_PIPE,
    SINK_DISCARD,
    SINK_NATS,
    SINK_FORWARD,
    SINK_PIPE_ACK, /* SINK_PIPE with --pipe-ack */
};

enum nats_order { NATS_ORDER_STRICT, NATS_ORDER_NONE }; /* in the order of the option's choices */

/* Where the output of commands goes. */
enum output_mode {
    OUTPUT_BY_DEFAULT,
    OUTPUT_UNGROUPED, /* directly to ours */
    OUTPUT_GROUPED,   /* in one turn when the command has ended */
    OUTPUT_BY_LINES,  /* in whole lines as they come */
};

struct consumer_options {
    struct common_options common;
    enum sink_kind sink;
    const char *target;   /* the sink's file, pattern or command */
    char *const *program; /* of "-- PROGRAM [ARG...]", with a NULL at the end; NULL: target is a command line */
    bool direct;          /* the command line needs no shell */
    struct framing framing;
    struct forward_list forward;
    uint64_t count;  /* 0: no limit */
    double rate;     /* messages started a second; 0: no limit */
    int64_t idle_ns; /* negative: no limit */
    bool progress;
    int64_t progress_interval_ns; /* 0: the usual */

    int64_t work_ns[2]; /* minimum, maximum; negative: none */

    uint32_t jobs; /* commands that run at the same time */
    uint32_t retries;
    uint32_t aside; /* messages of the queue that may wait aside for a retry; 0: none */
    int64_t backoff_min_ns;
    int64_t backoff_max_ns;
    int64_t exec_timeout_ns; /* 0: none */
    int64_t kill_after_ns;   /* from SIGTERM to SIGKILL of a command that is ended */
    uint64_t max_failures;   /* 0: no limit */
    bool pipe_ack;
    uint32_t batch;          /* messages for one command; 0: --batch is not given */
    int64_t batch_wait_ns;   /* how long they may gather; 0: not at all */
    bool batch_whole;        /* a batch that fails is not split */
    bool batch_ids;          /* write each message's id before it */
    const char *dead_letter; /* queue for messages that are given up; NULL: none */

    enum output_mode output_mode; /* of commands; never by default, once all options are read */
    bool tagged;                  /* each line begins with what it belongs to */
    const char *results;          /* folder; NULL: none */
    const char *job_log;          /* file; NULL: none */

    struct nats_options nats;
    const char *nats_subject; /* with {lane} in place of the lane's number */
    uint32_t nats_window;     /* messages that wait for their acknowledgements; 0: not given */
    enum nats_order nats_order;
    int64_t nats_ack_timeout_ns; /* 0: not given */
    char *const *arguments;      /* of the program */
};

/* True if a command decides what becomes of each message. */
static inline bool options_judged(const struct consumer_options *options)
{
    return options->sink == SINK_EXEC || options->sink == SINK_PIPE_ACK;
}

/* True if messages can be given up, and moved to the dead-letter queue. */
static inline bool options_give_up(const struct consumer_options *options)
{
    return options_judged(options) || options->sink == SINK_FORWARD || options->sink == SINK_NATS;
}

/* True if messages are processed and acknowledged one by one. */
static inline bool options_one_by_one(const struct consumer_options *options)
{
    return options->work_ns[0] >= 0 || (options->sink == SINK_EXEC && options->batch == 0);
}

#endif
