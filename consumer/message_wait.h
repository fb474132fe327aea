/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_MESSAGE_WAIT_H
#define CONSUMER_MESSAGE_WAIT_H

#include "consumer/options.h"

/* Prints, as a status message, what the consumer is waiting for. */
void message_wait_say(struct shmq *handle, const struct consumer_options *options);

#endif
