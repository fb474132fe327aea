/* SPDX-License-Identifier: MIT */
#include "monitor/metrics/connections.h"

#include <stddef.h>
#include <sys/socket.h>

#include "common/cli/stop.h"

enum { PLACES = CONNECTIONS_MOST + CONNECTIONS_SPARE };

void connections_init(struct connections *connections)
{
    *connections = (struct connections){.mutex = PTHREAD_MUTEX_INITIALIZER};
}

/* The server closes it as soon as it sees the end. */
static void end(struct connection *connection)
{
    connection->ending = true;
    shutdown(connection->fd, SHUT_RDWR);
}

static void end_oldest_beyond(struct connections *connections, unsigned most)
{
    unsigned count = 0;
    struct connection *oldest = NULL;
    for (int i = 0; i < PLACES; i++) {
        struct connection *connection = &connections->items[i];
        if (!connection->used || connection->ending)
            continue;
        count++;
        if (oldest == NULL || connection->since_ns < oldest->since_ns)
            oldest = connection;
    }
    if (count > most)
        end(oldest);
}

struct connection *connections_add(struct connections *connections, int fd)
{
    struct connection *place = NULL;
    pthread_mutex_lock(&connections->mutex);
    for (int i = 0; i < PLACES && place == NULL; i++)
        if (!connections->items[i].used)
            place = &connections->items[i];
    if (place != NULL) {
        *place = (struct connection){.used = true, .fd = fd, .since_ns = stop_now_ns()};
        end_oldest_beyond(connections, CONNECTIONS_MOST);
    }
    pthread_mutex_unlock(&connections->mutex);
    return place;
}

void connections_remove(struct connections *connections, struct connection *connection)
{
    if (connection == NULL)
        return;
    pthread_mutex_lock(&connections->mutex);
    connection->used = false;
    pthread_mutex_unlock(&connections->mutex);
}

void connections_answered(struct connections *connections, struct connection *connection)
{
    if (connection == NULL)
        return;
    pthread_mutex_lock(&connections->mutex);
    connection->since_ns = stop_now_ns();
    pthread_mutex_unlock(&connections->mutex);
}

void connections_sweep(struct connections *connections)
{
    const int64_t now = stop_now_ns();
    pthread_mutex_lock(&connections->mutex);
    for (int i = 0; i < PLACES; i++) {
        struct connection *connection = &connections->items[i];
        if (connection->used && !connection->ending && now - connection->since_ns > CONNECTION_PATIENCE_NS)
            end(connection);
    }
    pthread_mutex_unlock(&connections->mutex);
}
