/* SPDX-License-Identifier: MIT */
#ifndef BENCH_BOOST_QUEUE_H
#define BENCH_BOOST_QUEUE_H

#include <stddef.h>

/* C interface to Boost.Interprocess message_queue. Functions that return int return 0 or -1. */

#ifdef __cplusplus
extern "C" {
#endif

void *boost_queue_create(const char *name, size_t messages, size_t bytes);
void *boost_queue_open(const char *name);
int boost_queue_send(void *queue, const void *data, size_t length);
int boost_queue_receive(void *queue, void *buffer, size_t size, size_t *length);
void boost_queue_close(void *queue);
void boost_queue_remove(const char *name);

#ifdef __cplusplus
}
#endif

#endif
