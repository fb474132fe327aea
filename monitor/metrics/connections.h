/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_CONNECTIONS_H
#define SHMQ_MONITOR_CONNECTIONS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The connections of clients. Nobody can take all places by being slow: a new connection takes the place of the
 * one that has gone longest without getting an answer, and one that gets none for CONNECTION_PATIENCE_NS is ended.
 */

enum { CONNECTIONS_MOST = 64, CONNECTIONS_SPARE = 32 };

#define CONNECTION_PATIENCE_NS INT64_C(30000000000)

struct connection {
    bool used;
    bool ending;
    int fd;
    int64_t since_ns; /* of the last answer, or of its beginning */
};

struct connections {
    pthread_mutex_t mutex;
    struct connection items[CONNECTIONS_MOST + CONNECTIONS_SPARE]; /* the spare ones are about to end */
};

void connections_init(struct connections *connections);
/* Return: a place; NULL: there is none. */
struct connection *connections_add(struct connections *connections, int fd);
/* Before its descriptor is closed. */
void connections_remove(struct connections *connections, struct connection *connection);
/* It got a whole answer. */
void connections_answered(struct connections *connections, struct connection *connection);
/* Ends those whose patience is over. */
void connections_sweep(struct connections *connections);

#endif
