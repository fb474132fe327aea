/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_MESSAGE_WAIT_H
#define CONSUMER_MESSAGE_WAIT_H

#include "consumer/options.h"

/* Says what the consumer waits for, as a status line. */
void message_wait_say(struct shmq *handle, const struct consumer_options *options);

#endif
