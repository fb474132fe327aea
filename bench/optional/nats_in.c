/* SPDX-License-Identifier: MIT */

/*
 * What `producer --from` is compared with: the client library's own loop of pulling from a durable consumer of
 * JetStream, BATCH messages at a time, each acknowledged for itself.
 *
 *   nats_in URLS STREAM DURABLE COUNT
 */

#include <nats/nats.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/optional/nats_open.h"

#define BATCH 512
#define FETCH_MS 10000

/* Never more messages are asked for than are still to come, so that none is left over from the request before. */
static natsStatus pull(natsSubscription *subscription, uint64_t left)
{
    natsStatus status = NATS_OK;

    while (status == NATS_OK && left > 0) {
        natsMsgList list = {0};

        status = natsSubscription_Fetch(&list, subscription, left < BATCH ? (int)left : BATCH, FETCH_MS, NULL);
        for (int i = 0; status == NATS_OK && i < list.Count; i++)
            status = natsMsg_Ack(list.Msgs[i], NULL);
        left -= (uint64_t)list.Count;
        natsMsgList_Destroy(&list);
    }
    return status;
}

int main(int argc, char **argv)
{
    natsConnection *connection = NULL;
    natsSubscription *subscription = NULL;
    jsCtx *context = NULL;
    jsSubOptions options;
    natsStatus status;

    if (argc != 5) {
        (void)fputs("usage: nats_in URLS STREAM DURABLE COUNT\n", stderr);
        return 2;
    }
    jsSubOptions_Init(&options);
    options.Stream = argv[2];
    options.Consumer = argv[3];
    status = nats_open(&connection, argv[1]);
    if (status == NATS_OK)
        status = natsConnection_JetStream(&context, connection, NULL);
    if (status == NATS_OK)
        status = js_PullSubscribe(&subscription, context, NULL, argv[3], NULL, &options, NULL);
    if (status == NATS_OK)
        status = pull(subscription, strtoull(argv[4], NULL, 10));
    if (status == NATS_OK)
        status = natsConnection_Flush(connection);
    if (status != NATS_OK)
        (void)fprintf(stderr, "nats_in: %s\n", natsStatus_GetText(status));
    natsSubscription_Destroy(subscription);
    jsCtx_Destroy(context);
    natsConnection_Destroy(connection);
    return status == NATS_OK ? 0 : 1;
}
