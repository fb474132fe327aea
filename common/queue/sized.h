/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_SIZED_H
#define SHMQ_SIZED_H

#include <stddef.h>

/*
 * Structs of shmq.h that begin with their size, as the caller's header has it: a caller's may be an earlier
 * version of ours. Fields are only ever appended; for options, only where 0 of a newer caller means what we do
 * anyhow.
 */

/* What the first version of each was long; these stay when fields are appended. */
#define OPTIONS_FIRST_BYTES 128
#define INFO_FIRST_BYTES 80
#define RUN_FIRST_BYTES 40
#define STAT_FIRST_BYTES 152
#define LANE_STAT_FIRST_BYTES 136
#define SEAT_STAT_FIRST_BYTES 80

/* Checks the size of what is to be filled in, or is read field by field. Return: 0; -EINVAL. */
int sized_check(const void *theirs, size_t first_bytes, size_t our_bytes);

/* Writes as much of ours as theirs, which was checked, has room for; its size stays. */
void sized_give(void *theirs, const void *ours);

/*
 * Reads what the caller gives.
 *
 * @ours  holds the defaults for what theirs is too short for
 *
 * Return: 0; -EINVAL also when something is given that we do not know.
 */
int sized_take(void *ours, size_t our_bytes, const void *theirs, size_t first_bytes);

#endif
