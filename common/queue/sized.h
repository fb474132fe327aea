/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_SIZED_H
#define SHMQ_SIZED_H

#include <stddef.h>

#include "common/shmq.h"

/*
 * Structs of shmq.h that begin with their size as in the caller's header, which may be of an earlier or a later
 * version. Fields are only ever appended. In options, 0 in a later version's field means the behaviour of this
 * one.
 */

/* Sizes of the first version of each struct. They stay when fields are appended. */
#define OPTIONS_FIRST_BYTES 128
#define INFO_FIRST_BYTES 80
#define RUN_FIRST_BYTES 40
#define STAT_FIRST_BYTES 152
#define LANE_STAT_FIRST_BYTES 136
#define SEAT_STAT_FIRST_BYTES 80
#define OUTGOING_FIRST_BYTES 48
#define ASIDE_FIRST_BYTES 56

/* Checks the size of a struct that is filled in, or is read field by field. Return: 0; -EINVAL. */
int sized_check(const void *theirs, size_t first_bytes, size_t our_bytes);

/* Copies as much of @ours as @theirs has room for. @theirs is checked before; its size field stays. */
void sized_give(void *theirs, const void *ours);

/*
 * Copies the caller's struct.
 *
 * @ours  holds the defaults for the fields that @theirs lacks
 *
 * Return: 0; -EINVAL, also if @theirs sets a field that we do not know.
 */
int sized_take(void *ours, size_t our_bytes, const void *theirs, size_t first_bytes);

/* The same for options. @given may be NULL for all defaults. */
int sized_take_options(struct shmq_options *known, const struct shmq_options *given);

#endif
