/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_ENGINE_H
#define CONSUMER_ENGINE_H

#include "consumer/options.h"

/* Delivers messages from the queue to the sink until the consumer ends; returns the program's exit status. */
int run(const struct consumer_options *options);

#endif
