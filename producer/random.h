/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_RANDOM_H
#define SHMQ_PRODUCER_RANDOM_H

#include "producer/publisher.h"

/* Puts random integers from 1 to 100, as text, until the publisher says to stop. */
enum flow random_run(struct publisher *publisher, uint64_t seed);

#endif
