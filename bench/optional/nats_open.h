/* SPDX-License-Identifier: MIT */
#ifndef BENCH_NATS_OPEN_H
#define BENCH_NATS_OPEN_H

#include <nats/nats.h>
#include <string.h>

#define URLS_MAX 16

/* Connects to one of the servers, whose URLs are separated by commas, with the library's own defaults. */
static inline natsStatus nats_open(natsConnection **connection, char *urls)
{
    natsOptions *options = NULL;
    const char *list[URLS_MAX];
    int count = 0;
    natsStatus status = natsOptions_Create(&options);

    for (char *url = strtok(urls, ","); url && count < URLS_MAX; url = strtok(NULL, ","))
        list[count++] = url;
    if (status == NATS_OK)
        status = natsOptions_SetServers(options, list, count);
    if (status == NATS_OK)
        status = natsConnection_Connect(connection, options);
    natsOptions_Destroy(options);
    return status;
}

#endif
