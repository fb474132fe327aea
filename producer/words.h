/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_WORDS_H
#define SHMQ_PRODUCER_WORDS_H

#include "producer/publisher.h"

/* Puts the words of the command line. */
enum flow words_run(struct publisher *publisher, const struct options *options);

#endif
