/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_OPTIONS_H
#define SUPERVISOR_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cli/option_table.h"
#include "common/cli/options.h"
#include "supervisor/arguments.h"

enum source {
    SOURCE_DEMONSTRATION, /* no source was given */
    SOURCE_FILES,         /* regular files, which a restarted producer can resume */
    SOURCE_STREAM,        /* stdin, a pipe or a device */
    SOURCE_WORDS,
    SOURCE_RANDOM,
    SOURCE_FOLLOW, /* files that are followed as they grow */
    SOURCE_LISTEN, /* clients of sockets */
    SOURCE_NATS,
};

enum sink {
    SINK_LABELLED, /* no sink was given: stdout, with the consumer's name before each message */
    SINK_STDOUT,
    SINK_OUTPUT,
    SINK_MIRROR,
    SINK_EXEC,
    SINK_PIPE,
    SINK_DISCARD,
    SINK_OTHER, /* a sink that only the consumer knows */
};

enum restart_when { RESTART_ON_FAILURE, RESTART_NEVER };

/* Owner of the options that go to those that have a bridge: producers with --from, consumers with --to. */
#define OPTIONS_OF_BRIDGES "bridge to or from NATS"

/* An option that is passed on to the producers or the consumers. */
struct passed_option {
    const char *owner; /* "producer", "consumer", OPTIONS_OF_BRIDGES, or "" for both */
    const char *name;
    const char *argument; /* NULL: none */
};

struct options {
    struct common_options common;
    uint64_t producers;
    uint64_t consumers;

    enum source source;
    struct arguments inputs;
    bool follow;               /* of the producers if there are inputs, else of the consumers */
    struct option_words words; /* .given is also true if the list is empty */
    bool raw;
    const char *framing;               /* the option that chose it, without its dashes; NULL: none */
    struct arguments producer_framing; /* the options that choose it, for the producers */
    struct arguments consumer_framing;

    enum sink sink;
    char sink_name[OPTION_WRITTEN_BYTES]; /* "--exec"; "" for SINK_LABELLED */
    bool sink_is_framed;                  /* the framing options of consumers apply to it */
    const char *output;                   /* of SINK_OUTPUT */
    const char *mirror;                   /* of SINK_MIRROR */
    bool append;

    struct passed_option *passed;
    size_t passed_count;
    struct arguments producer_args; /* the words of --producer-args */
    struct arguments consumer_args;
    struct arguments extra_producer; /* those that the supervisor does not use itself, one word per option */
    struct arguments extra_consumer;

    enum restart_when restart;
    uint64_t max_restarts;
    int64_t restart_pause_ns[2]; /* minimum, maximum */
    int64_t grace_ns;
    const char *grace_text;
    const char
        *consumer_grace;     /* what consumers that run commands are given as their own --grace; NULL: nothing */
    int64_t consumer_end_ns; /* the longest time that such a consumer takes to end after a first signal */
    bool keep;
    bool take_over;
    bool progress;
    int64_t progress_interval_ns; /* 0: the usual */

    bool resumable; /* a restarted producer resumes where it left off */
};

extern const struct option_table supervisor_options;

/* Parses the command line; exits with EXIT_USAGE on an error. */
void supervisor_options_read(struct options *options, int argc, char **argv);
/* Without a source, sets the options of the demonstration. */
void supervisor_options_default(struct options *options);
/* Warns about combinations that are allowed but may not be intended. */
void supervisor_options_warn(const struct options *options);
void supervisor_options_free(struct options *options);

/* The last argument of an option that is passed on ("" if it takes none); NULL if it was not given. */
const char *options_passed(const struct options *options, const char *name);
/*
 * Whether a command decides about each message: --exec or --pipe-ack. Such consumers start no more when they are
 * told to end, and count how often a message fails.
 */
static inline bool options_run_commands(const struct options *options)
{
    return options->sink == SINK_EXEC || options_passed(options, "pipe-ack") != NULL;
}
/* Whether the source sends messages without end. */
bool options_endless(const struct options *options);
/*
 * Whether the source has no end that could be reached: a stop request is how it is meant to end, and nothing that
 * is read by then is left unread. A restarted producer goes on with it.
 */
static inline bool options_go_on(const struct options *options)
{
    return options->source == SOURCE_FOLLOW || options->source == SOURCE_LISTEN || options->source == SOURCE_NATS;
}
/* Whether messages, or the output of --echo, go to stdout. */
bool options_use_stdout(const struct options *options);

#endif
