/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_RANDOM_H
#define SHMQ_PRODUCER_RANDOM_H

#include "producer/outlet.h"

/* Puts integers from 1 to 100, as text, until something ends it. */
enum flow random_run(struct outlet *outlet, uint64_t seed);

#endif
