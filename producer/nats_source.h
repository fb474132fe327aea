/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_NATS_SOURCE_H
#define SHMQ_PRODUCER_NATS_SOURCE_H

#include "producer/publisher.h"

/* Messages from NATS JetStream: producer/nats/ in producer-nats; any other program becomes that one. */

/* Call this before anything is opened. Returns in producer-nats. */
void nats_source_enter(const struct options *options);

/* Opens the queue, and puts the messages of the stream. */
enum flow nats_source_run(struct publisher *publisher, const struct options *options);

#endif
