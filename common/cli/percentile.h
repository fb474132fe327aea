/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_PERCENTILE_H
#define SHMQ_CLI_PERCENTILE_H

#include <stdint.h>

/*
 * The time that @percent of the messages did not exceed, in milliseconds: the lower bound of its bucket, so at
 * most 1 ms or 1.6 % less than it was.
 *
 * @counts   SHMQ_LATENCY_BUCKETS numbers, as shmq_latency gives them
 * @percent  0 to 100; 100: the longest
 *
 * Return: 0 also if nothing was counted.
 */
uint64_t percentile_ms(const uint64_t *counts, double percent);

#endif
