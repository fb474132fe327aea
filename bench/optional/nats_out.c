/* SPDX-License-Identifier: MIT */

/*
 * What `consumer --to` is compared with: the client library's own loop of publishing to JetStream, with the same
 * headers (an id, and that of the message before it, which keeps the order) and up to WINDOW messages unanswered.
 * It has the payload at hand, and sends nothing again.
 *
 *   nats_out URLS SUBJECT COUNT BYTES
 */

#include <nats/nats.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/optional/nats_open.h"

#define WINDOW 4096
#define STALL_MS 10000
#define BYTES_MAX (1 << 20)

static natsStatus publish(jsCtx *context, const char *subject, uint64_t count, const char *payload, int bytes)
{
    natsStatus status = NATS_OK;

    for (uint64_t i = 0; status == NATS_OK && i < count; i++) {
        natsMsg *message = NULL;
        jsPubOptions options;
        static char ids[2][64];
        char *id = ids[i & 1];

        jsPubOptions_Init(&options);
        (void)snprintf(id, sizeof(ids[0]), "0123456789abcdef-0-%llu", 100000 + (unsigned long long)i);
        options.MsgId = id;
        options.ExpectLastMsgId = i > 0 ? ids[(i - 1) & 1] : NULL;
        status = natsMsg_Create(&message, subject, NULL, payload, bytes);
        if (status == NATS_OK)
            status = js_PublishMsgAsync(context, &message, &options);
        natsMsg_Destroy(message);
    }
    return status == NATS_OK ? js_PublishAsyncComplete(context, NULL) : status;
}

int main(int argc, char **argv)
{
    static char payload[BYTES_MAX];
    natsConnection *connection = NULL;
    jsCtx *context = NULL;
    jsOptions options;
    int bytes = argc == 5 ? atoi(argv[4]) : 0;
    natsStatus status;

    if (bytes <= 0 || bytes > BYTES_MAX) {
        (void)fputs("usage: nats_out URLS SUBJECT COUNT BYTES\n", stderr);
        return 2;
    }
    for (int i = 0; i < bytes; i++)
        payload[i] = (char)('a' + i % 26);
    jsOptions_Init(&options);
    options.PublishAsync.MaxPending = WINDOW;
    options.PublishAsync.StallWait = STALL_MS;
    status = nats_open(&connection, argv[1]);
    if (status == NATS_OK)
        status = natsConnection_JetStream(&context, connection, &options);
    if (status == NATS_OK)
        status = publish(context, argv[2], strtoull(argv[3], NULL, 10), payload, bytes);
    if (status != NATS_OK)
        (void)fprintf(stderr, "nats_out: %s\n", natsStatus_GetText(status));
    jsCtx_Destroy(context);
    natsConnection_Destroy(connection);
    return status == NATS_OK ? 0 : 1;
}
