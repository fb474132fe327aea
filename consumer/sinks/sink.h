/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_SINK_H
#define CONSUMER_SINK_H

#include "common/shmq.h"
#include "consumer/options.h"
#include "consumer/process_group.h"
#include "consumer/totals.h"

/* Destinations of messages. Each sink has a file of its own and embeds struct sink as its first member. */

enum sink_result {
    SINK_OK,
    SINK_STOPPED, /* no more is to be started: a stop was requested, or --max-failures is reached */
    SINK_FAILED,  /* already reported */
    SINK_DAMAGED, /* the queue's data about its messages is inconsistent */
    SINK_UNFIT,   /* another queue cannot be used; already reported */
    SINK_MOVED,   /* the messages were given up and moved to another queue: they are acknowledged already */
    SINK_ASIDE,   /* the message was put aside, to be tried again: it is no longer held */
    SINK_REFUSED, /* what it is asked to do is unwise; already reported */
    SINK_GAVE_UP, /* --give-up has passed; already reported */
    SINK_SPLIT,   /* deliver those that are not delivered one by one */
};

struct sink;

struct sink_operations {
    /* Called once the queue is attached, before the first delivery; may be NULL. */
    enum sink_result (*begin)(struct sink *sink);
    /*
     * Delivers messages.
     *
     * @done  receives how many, from the first, are delivered and may be acknowledged; all of them with SINK_OK
     */
    enum sink_result (*deliver)(struct sink *sink, const struct shmq_message *messages, size_t count,
                                size_t *done);
    /* Called after each deliver, once its messages are acknowledged or will not be; may be NULL. */
    void (*acknowledged)(struct sink *sink);
    /* Called while the queue is empty, to detect early that the sink can no longer deliver; may be NULL. */
    enum sink_result (*check)(struct sink *sink);
    /* Called at the end of the stream, after the last delivery, before the queue is closed; may be NULL. */
    enum sink_result (*complete)(struct sink *sink);
    /* Called when the consumer has done what it was to do: at the end of the stream, of --count, or of --idle
     * after messages; may be NULL. */
    enum sink_result (*finish)(struct sink *sink);
    /* Called in any case before the queue is closed, to check that delivered data is still there; may be NULL. */
    enum sink_result (*verify)(struct sink *sink);
    /* Called before the queue is closed, also if begin failed; may be NULL. */
    void (*end)(struct sink *sink);
    /* Completes the output and frees the sink. */
    enum sink_result (*close)(struct sink *sink);
};

struct sink {
    const struct sink_operations *operations;
    const struct consumer_options *options;
    struct totals *totals;
    struct start_rate *rate;         /* of commands that are started again; NULL: no limit */
    struct shmq *handle;             /* NULL until the queue is attached */
    struct process_group_slot *slot; /* for its command; set before the first delivery. NULL: it is not watched */
};

/* Each opens its sink, before the queue is attached; returns NULL after reporting an error. */
struct sink *sink_output_open(const struct consumer_options *options, struct totals *totals);
struct sink *sink_mirror_open(const struct consumer_options *options, struct totals *totals);
struct sink *sink_discard_open(const struct consumer_options *options, struct totals *totals);
struct sink *sink_pipe_open(const struct consumer_options *options, struct totals *totals);
struct sink *sink_pipe_ack_open(const struct consumer_options *options, struct totals *totals);
struct sink *sink_forward_open(const struct consumer_options *options, struct totals *totals);
struct sink *sink_exec_open(const struct consumer_options *options, struct totals *totals);
/* consumer/nats/ in consumer-nats; in every other program, it is left for that one. */
struct sink *sink_nats_open(const struct consumer_options *options, struct totals *totals);

/* Opens the sink that the options select. */
struct sink *sink_open(const struct consumer_options *options, struct totals *totals);

#endif
