/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_NATS_PULL_H
#define SHMQ_PRODUCER_NATS_PULL_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stdint.h>

#include "producer/nats/delivery.h"

/*
 * Pulls messages of a durable by hand: requests are published, and the messages come to an inbox. Each request
 * ends at the broker when it is filled or after PULL_EXPIRES_NS, so that one that the broker forgot, or that a
 * broken connection left there, disturbs nobody for long.
 */

#define PULL_EXPIRES_NS INT64_C(2000000000)

enum { PULL_TEXT_BYTES = 128 };

struct pull {
    natsConnection *connection; /* NULL: not begun */
    natsSubscription *inbox;
    natsInbox *inbox_name;
    const char *request_subject;
    uint64_t outstanding; /* messages asked for that have not come and may still come */
    int64_t ends_ns;      /* when the newest request ends at the broker */
    uint64_t requests;    /* so far */
    char text[PULL_TEXT_BYTES];
};

enum pull_event {
    PULL_NOTHING,  /* until the time was up */
    PULL_MESSAGE,  /* take it from @message */
    PULL_ENDED,    /* a request ended without all that it asked for */
    PULL_DISTURBED /* the broker ended requests for a reason of its own, or forgot them: see .text */
};

/*
 * Begins with a new inbox. What was asked for before is forgotten: messages that still come for it are dropped,
 * and the broker delivers them again.
 *
 * @request_subject  of the durable; stays valid
 */
natsStatus pull_begin(struct pull *pull, natsConnection *connection, const char *request_subject);
/* Lets go of the inbox, so that the broker ends all requests. */
void pull_end(struct pull *pull);

/*
 * Asks for up to @count messages more, of at most @bytes in all. The broker ends the request after @expires_ns, or
 * at a message beyond @bytes.
 */
natsStatus pull_ask(struct pull *pull, uint64_t count, uint64_t bytes, int64_t expires_ns);

/*
 * Takes what came next.
 *
 * @wait_ms   how long to wait for it; 0: not
 * @message   receives the message, to be destroyed by the caller
 * @delivery  receives which one it is
 */
enum pull_event pull_next(struct pull *pull, int64_t wait_ms, natsMsg **message, struct delivery *delivery);

/* Whether requests have not ended although their time is long up: the broker has forgotten them. */
bool pull_is_forgotten(const struct pull *pull, int64_t now_ns);

#endif
