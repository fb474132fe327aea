/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_SINK_H
#define CONSUMER_SINK_H

#include "common/shmq.h"
#include "consumer/options.h"
#include "consumer/totals.h"

/* Where messages go. One file a sink; each embeds struct sink as its first member. */

enum sink_result {
    SINK_OK,
    SINK_STOPPED, /* an orderly end was asked for before all was delivered */
    SINK_FAILED,  /* and the user was told why */
    SINK_DAMAGED, /* what the queue says of its messages makes no sense */
};

struct sink;

struct sink_operations {
    /*
     * Delivers messages; what it has delivered for good may be acknowledged.
     *
     * @done  receives how many, from the first; all of them with SINK_OK
     */
    enum sink_result (*deliver)(struct sink *sink, const struct shmq_message *messages, size_t count,
                                size_t *done);
    /* Called after each deliver, when what it has delivered is acknowledged, or will not be; may be NULL. */
    void (*acknowledged)(struct sink *sink);
    /* Called while there is nothing to deliver, to find out early that nothing could be; may be NULL. */
    enum sink_result (*check)(struct sink *sink);
    /* Called at the end of the stream, when all of it is delivered, before the queue is left; may be NULL. */
    enum sink_result (*complete)(struct sink *sink);
    /*
     * Called before the queue is left, however that comes, to find out whether what was delivered is still there;
     * may be NULL.
     */
    enum sink_result (*verify)(struct sink *sink);
    /* Completes what was delivered, and frees the sink. */
    enum sink_result (*close)(struct sink *sink);
};

struct sink {
    const struct sink_operations *operations;
    const struct consumer_options *options;
    struct totals *totals;
    struct shmq *handle; /* NULL until the queue is attached */
};

/* Each opens its sink before the queue is attached; NULL if that failed, and the user was told why. */
struct sink *sink_output_open(const struct consumer_options *options, struct totals *totals);
struct sink *sink_mirror_open(const struct consumer_options *options, struct totals *totals);
struct sink *sink_discard_open(const struct consumer_options *options, struct totals *totals);
struct sink *sink_pipe_open(const struct consumer_options *options, struct totals *totals);
struct sink *sink_exec_open(const struct consumer_options *options, struct totals *totals);

/* The one that the options ask for. */
struct sink *sink_open(const struct consumer_options *options, struct totals *totals);

#endif
