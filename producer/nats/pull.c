/* SPDX-License-Identifier: MIT */
#include "producer/nats/pull.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/stop.h"

/* How long after its end at the broker a request is given up. */
#define LATE_NS INT64_C(1000000000)

void pull_end(struct pull *pull)
{
    natsSubscription_Destroy(pull->inbox);
    natsInbox_Destroy(pull->inbox_name);
    pull->inbox = NULL;
    pull->inbox_name = NULL;
    pull->outstanding = 0;
}

natsStatus pull_begin(struct pull *pull, natsConnection *connection, const char *request_subject)
{
    pull_end(pull);
    pull->connection = connection;
    pull->request_subject = request_subject;
    natsStatus status = natsInbox_Create(&pull->inbox_name);
    if (status == NATS_OK)
        status = natsConnection_SubscribeSync(&pull->inbox, connection, pull->inbox_name);
    /* What was asked for bounds what waits here. */
    if (status == NATS_OK)
        status = natsSubscription_SetPendingLimits(pull->inbox, -1, -1);
    return status;
}

natsStatus pull_ask(struct pull *pull, uint64_t count, uint64_t bytes, int64_t expires_ns)
{
    char request[PULL_TEXT_BYTES];
    const int length = snprintf(request, sizeof(request),
                                "{\"batch\":%" PRIu64 ",\"expires\":%" PRId64 ",\"max_bytes\":%" PRIu64 "}", count,
                                expires_ns, bytes);
    const natsStatus status =
        natsConnection_PublishRequest(pull->connection, pull->request_subject, pull->inbox_name, request, length);
    if (status != NATS_OK)
        return status;
    pull->outstanding += count;
    pull->ends_ns = stop_now_ns() + expires_ns;
    pull->requests++;
    return NATS_OK;
}

static uint64_t number_of(natsMsg *message, const char *header, uint64_t otherwise)
{
    const char *value = NULL;
    char *end = NULL;
    if (natsMsgHeader_Get(message, header, &value) != NATS_OK || value == NULL || *value < '0' || *value > '9')
        return otherwise;
    const uint64_t number = strtoull(value, &end, 10);
    return *end == '\0' ? number : otherwise;
}

/* A message of the broker itself, about a request; a heartbeat needs no answer. */
static enum pull_event take_status(struct pull *pull, natsMsg *message)
{
    const char *text = NULL;
    const uint64_t code = number_of(message, "Status", 0);
    if (natsMsgHeader_Get(message, "Description", &text) != NATS_OK || text == NULL)
        text = "no reason given";
    if (code == 100) /* a heartbeat */
        return PULL_ENDED;
    const uint64_t unfilled = number_of(message, "Nats-Pending-Messages", UINT64_MAX);
    if (code == 404 || code == 408 || (code == 409 && unfilled != UINT64_MAX)) {
        pull->outstanding -= unfilled < pull->outstanding ? unfilled : pull->outstanding;
        return PULL_ENDED;
    }
    snprintf(pull->text, sizeof(pull->text), "%" PRIu64 " %s", code, text);
    return PULL_DISTURBED;
}

static enum pull_event fail(struct pull *pull, const char *text)
{
    snprintf(pull->text, sizeof(pull->text), "%s", text);
    return PULL_DISTURBED;
}

enum pull_event pull_next(struct pull *pull, int64_t wait_ms, natsMsg **message, struct delivery *delivery)
{
    natsMsg *next = NULL;
    const natsStatus status = natsSubscription_NextMsg(&next, pull->inbox, wait_ms);
    if (status == NATS_TIMEOUT)
        return PULL_NOTHING;
    if (status == NATS_NO_RESPONDERS)
        return fail(pull, "nobody answers requests for messages");
    if (status != NATS_OK)
        return fail(pull, natsStatus_GetText(status));
    const char *reply = natsMsg_GetReply(next);
    if (reply != NULL && delivery_parse(reply, delivery)) {
        if (pull->outstanding > 0)
            pull->outstanding--;
        *message = next;
        return PULL_MESSAGE;
    }
    const enum pull_event event =
        reply != NULL ? fail(pull, "a message has an unknown form of acknowledgement") : take_status(pull, next);
    natsMsg_Destroy(next);
    return event;
}

bool pull_is_forgotten(const struct pull *pull, int64_t now_ns)
{
    return pull->outstanding > 0 && now_ns > pull->ends_ns + LATE_NS;
}
