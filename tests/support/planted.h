/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PLANTED_H
#define TESTS_PLANTED_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/geometry.h"
#include "common/core/layout.h"
#include "common/core/lease_word.h"
#include "common/shmq.h"

/* Real queues, and a hand in their shared memory. */

/* A queue's object, mapped whole and writable, past all rules. */
struct planted {
    unsigned char *base;
    size_t bytes;
    struct geometry geometry;
    struct header *header;
    struct seat *seats;
};

void planted_map(struct planted *planted, const char *name);
void planted_unmap(struct planted *planted);
struct lane_control *planted_lane(const struct planted *planted, uint32_t lane);
shared_u64 *planted_lease(const struct planted *planted, uint32_t lane, uint64_t position);
/* The cells of the message at @position. */
unsigned char *planted_payload(const struct planted *planted, uint32_t lane, uint64_t position);
struct record *planted_record(const struct planted *planted, uint32_t lane, uint64_t position);
struct source_slot *planted_slot(const struct planted *planted, uint32_t lane, uint32_t slot);
unsigned char *planted_buffer(const struct planted *planted, uint32_t seat);
struct lease_format planted_format(const struct planted *planted);

/* Puts one text, or opens, or fails the test. */
void planted_put(struct shmq *producer, const char *text);
struct shmq *planted_open(const char *name, enum shmq_role role, const struct shmq_options *options);
/* Options of a small queue: 2 lanes of 4 KiB, 4 seats, a tick of 5 ms, created where missing. */
struct shmq_options planted_small(void);

/*
 * Runs @body in a forked child and fails the test unless it returns 0. What it asserts counts as the test's.
 * @uid 0: stays who it is; else becomes that user, with only the group @gid besides.
 */
void planted_in_child(int (*body)(void *context), void *context, uid_t uid, gid_t gid);

#endif
