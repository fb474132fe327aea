/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_TEST_QUEUE_H
#define SUPPORT_TEST_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "common/shmq.h"

/* The one queue that a test uses at a time, and messages that are numbers. */

/* Its name. */
extern char queue[SHMQ_NAME_MAX + 1];
/* Names it, and fails the test if there is anything of that name. */
void use_queue(const char *test);
/* Removes a queue, whatever is in it, and fails the test if that does not work or anything is left. */
void test_queue_remove(const char *name);

/* Puts, gets, leases a message of 8 bytes. Return: as the library says; -EPROTO for a message of another length.
 */
int test_queue_put(struct shmq *handle, uint64_t number, int64_t timeout_ns);
int test_queue_get(struct shmq *handle, uint64_t *number, int64_t timeout_ns);
int test_queue_lease(struct shmq *handle, uint64_t *number, struct shmq_message *message, int64_t timeout_ns);

/* Opens, and fails the test if that does not work. NULL options create the queue by default sizes. */
struct shmq *test_queue_open(const char *name, enum shmq_role role, const struct shmq_options *options);
/* What shmq_stat says. */
struct shmq_stat test_queue_stat(const char *name);

#endif
