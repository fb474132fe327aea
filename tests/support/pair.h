/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_PAIR_H
#define SUPPORT_PAIR_H

#include "common/shmq.h"

/*
 * A fixture: a small queue with a producer and a consumer. It has room for 64 messages of up to a cell, which may
 * have up to 1024 bytes.
 */

extern const char *name;
extern struct shmq_options small;
extern struct shmq *producer;
extern struct shmq *consumer;

void pair_set_up(void);
/* Opens both, by what @name and @small say. */
void pair_open(void);
/* Whatever has become of them. */
void pair_tear_down(void);
/* All has to be in order. */
void pair_tear_down_intact(void);

#endif
