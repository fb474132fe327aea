/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_ENGINE_H
#define CONSUMER_ENGINE_H

#include "consumer/gathering.h"
#include "consumer/process_group.h"
#include "consumer/simulated_work.h"
#include "consumer/sinks/sink.h"
#include "consumer/team.h"

/* A worker: leases messages, delivers them to its sink, and acknowledges them, until it has to end. */

struct consumer {
    const struct consumer_options *options;
    struct team *team; /* all workers of this program */
    struct sink *sink;
    struct shmq *handle;
    struct shmq_message *messages; /* options.prefetch of them */
    struct simulated_work work;
    struct gathering gathering;
    int64_t poll_ns; /* longest wait of the next lease; grows while the queue stays empty */
};

/*
 * Opens its sink. Call it before the queue is opened.
 *
 * @slot  for its commands; NULL: they are not watched
 *
 * Return: 0; a negative errno, already reported.
 */
int engine_open(struct consumer *consumer, struct team *team, struct process_group_slot *slot);
/* Takes over the handle. Return: END_NOT_YET; a reason to end. */
int engine_begin(struct consumer *consumer, struct shmq *handle);
/* Works. Context: the worker's thread. Return: the reason to end. */
int engine_run(struct consumer *consumer);
/* Closes handle and sink; @end is why. Also without a handle. Return: the reason to end that remains. */
int engine_close(struct consumer *consumer, int end);

#endif
