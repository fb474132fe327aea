/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_OPTIONS_H
#define SUPERVISOR_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cli/option_table.h"
#include "common/cli/options.h"
#include "supervisor/arguments.h"

enum source {
    SOURCE_DEMONSTRATION, /* none was given */
    SOURCE_FILES,         /* regular files: whoever reads them can go on where another stopped */
    SOURCE_STREAM,        /* stdin, a pipe or a device */
    SOURCE_WORDS,
    SOURCE_RANDOM,
};

enum sink {
    SINK_LABELLED, /* none was given: stdout, with the consumer's name before each message */
    SINK_STDOUT,
    SINK_OUTPUT,
    SINK_MIRROR,
    SINK_EXEC,
    SINK_PIPE,
    SINK_DISCARD,
    SINK_OTHER, /* one that only the consumer knows */
};

enum restart_when { RESTART_ON_FAILURE, RESTART_NEVER };

/* An option that is handed on to the children of a kind. */
struct passed_option {
    const char *owner; /* "producer" or "consumer" */
    const char *name;
    const char *argument; /* NULL: it takes none */
};

struct options {
    struct common_options common;
    uint64_t producers;
    uint64_t consumers;

    enum source source;
    struct arguments inputs;
    struct option_words words; /* .given also where the list is empty */
    bool raw;
    const char *framing;               /* the option that chose it, without its dashes; NULL */
    struct arguments producer_framing; /* as its options are written */
    struct arguments consumer_framing;

    enum sink sink;
    const char *sink_name; /* "--exec"; "" for SINK_LABELLED */
    const char *output;    /* of SINK_OUTPUT */
    const char *mirror;    /* of SINK_MIRROR */
    bool append;

    struct passed_option *passed;
    size_t passed_count;
    struct arguments producer_args; /* the words of --producer-args */
    struct arguments consumer_args;
    struct arguments extra_producer; /* what of them is for producers alone, an option a word */
    struct arguments extra_consumer;

    enum restart_when restart;
    uint64_t max_restarts;
    int64_t restart_pause_ns[2]; /* from, to */
    int64_t grace_ns;
    const char *grace_text;
    bool keep;
    bool take_over;
    bool progress;

    bool resumable; /* producers that died are known to go on where they were */
};

/* Data of option_table.c. */
extern const struct option_table supervisor_options;

/* Reads the command line; a mistake in it ends the program with EXIT_USAGE. */
void supervisor_options_read(struct options *options, int argc, char **argv);
/* What is asked for where nothing else was: the demonstration. */
void supervisor_options_default(struct options *options);
/* Says what is allowed, but may not be what was meant. */
void supervisor_options_warn(const struct options *options);
void supervisor_options_free(struct options *options);

/* The last argument of an option that is handed on ("" for one without); NULL if it was not given. */
const char *options_passed(const struct options *options, const char *name);
/* Whether the source sends messages until it is told to end. */
bool options_endless(const struct options *options);
/* Whether the children's messages, or what producers print, go to stdout. */
bool options_use_stdout(const struct options *options);

#endif
