/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_WORDS_H
#define SHMQ_PRODUCER_WORDS_H

#include "producer/outlet.h"

/* Puts the words of the command line. */
enum flow words_run(struct outlet *outlet, const struct options *options);

#endif
