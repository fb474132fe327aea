/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_WORKERS_H
#define CONSUMER_WORKERS_H

#include "consumer/options.h"

/*
 * Delivers messages from the queue to the sink until the consumer ends; returns the program's exit status. With
 * --jobs N, N workers do so at the same time, each in a thread of its own, with a handle and a sink of its own.
 */
int run(const struct consumer_options *options);

#endif
