/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_RANDOM_H
#define SHMQ_PRODUCER_RANDOM_H

#include "producer/publisher.h"

/* Puts integers from 1 to 100, as text, until something ends it. */
enum flow random_run(struct publisher *publisher, uint64_t seed);

#endif
