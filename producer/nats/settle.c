/* SPDX-License-Identifier: MIT */
#include "producer/nats/settle.h"

#include <inttypes.h>
#include <string.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"

/*
 * The cursor in the queue is a single place in the stream: what the broker delivers again up to it counts as put.
 * So a message may be put only if every older one of the durable is put, acknowledged by somebody, or deleted. New
 * messages come in the order of the stream. But what was on its way when a connection broke comes again only after
 * ack_wait, perhaps after newer ones.
 *
 * Every delivery has the next consumer sequence. As long as these come without a gap, nothing is missing.
 * Otherwise the broker says how many delivered messages are not acknowledged, and is made to deliver them again
 * before all others. When as many are in hand as it says, and no delivery came between, none is missing.
 */

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
/* Requests of an earlier connection end at the broker after this long. */
#define STALE_NS (PULL_EXPIRES_NS + 2 * SECOND)
#define LOOK_AGAIN_NS (200 * MS)
/* A request for messages that were called back, and how long to wait for them. */
#define RECALLED_NS SECOND
#define RECALLED_LATE_NS (3 * SECOND)
/* Beyond ack_wait, until the broker delivers again by itself. */
#define ACK_WAIT_LATE_NS (2 * SECOND)

enum { IN_HAND_MAX = 262144 };

struct settling {
    bool anew;          /* begin with nothing in hand */
    bool first;         /* nothing is known since then */
    int64_t since_ns;   /* begin of this */
    int64_t waiting_ns; /* since when requests of somebody else are seen; 0: not */
    int64_t arrived_ns; /* when a missing message last came */
    struct wait_notice notice;
};

static enum flow pause_for(struct bridge *bridge, int64_t ns)
{
    publisher_tick(bridge->publisher);
    stop_sleep_until(stop_now_ns() + ns);
    publisher_tick(bridge->publisher);
    return stop_requested != 0 ? FLOW_END : FLOW_CONTINUE;
}

/* The broker cannot do it now. What it did with earlier requests is unknown. */
static enum flow pause_again(struct bridge *bridge, struct settling *settling)
{
    settling->anew = true;
    return bridge_flow(bridge, connection_pause(&bridge->connection));
}

static enum flow step(struct bridge *bridge, struct settling *settling, enum bridge_result result)
{
    return result == BRIDGE_AGAIN ? pause_again(bridge, settling) : bridge_flow(bridge, result);
}

/* Where to go on, now that it is known which stream this is. */
static void take_place(struct bridge *bridge)
{
    const struct shmq_cursor *cursor = &bridge->resumed;
    if (bridge->identity == bridge->durable.identity)
        return;
    if (bridge->identity != 0)
        say_status("stream %s was made anew: begins with what its durable %s has", bridge->durable.stream,
                   bridge->durable.name);
    bridge->done = (struct place){0};
    if (cursor->words[0] == bridge->durable.identity)
        bridge->done = (struct place){cursor->words[1], (int64_t)cursor->words[2]};
    bridge->identity = bridge->durable.identity;
}

/* Connects, and looks the durable up. */
static enum flow connect_durable(struct bridge *bridge, struct settling *settling)
{
    enum flow flow = FLOW_CONTINUE;
    if (!connection_is_up(&bridge->connection)) {
        pull_end(&bridge->pull);
        flow = bridge_flow(bridge, connection_open(&bridge->connection));
    }
    if (flow != FLOW_CONTINUE)
        return flow;
    const enum bridge_result result = durable_open(&bridge->durable, &bridge->connection);
    if (result != BRIDGE_OK)
        return step(bridge, settling, result);
    take_place(bridge);
    const natsStatus status = pull_begin(&bridge->pull, bridge->connection.nats, bridge->durable.request_subject);
    if (status != NATS_OK) {
        connection_set_problem(&bridge->connection, "cannot subscribe", status);
        return pause_again(bridge, settling);
    }
    settling->anew = false;
    return FLOW_CONTINUE;
}

/* Begins with a new inbox and nothing in hand. */
static enum flow begin(struct bridge *bridge, struct settling *settling)
{
    hand_clear(&bridge->hand);
    settling->first = true;
    settling->since_ns = settling->arrived_ns = stop_now_ns();
    settling->waiting_ns = 0;
    return connect_durable(bridge, settling);
}

/* Somebody asks the durable for messages, while this bridge does not. */
static enum flow await_others(struct bridge *bridge, struct settling *settling, uint64_t waiting)
{
    const int64_t now = stop_now_ns();
    if (settling->waiting_ns == 0)
        settling->waiting_ns = now;
    if (now - settling->waiting_ns < STALE_NS)
        return pause_for(bridge, LOOK_AGAIN_NS);
    bridge->publisher->may_pass = true;
    return publisher_fail(bridge->publisher, EXIT_FAILED,
                          "durable %s of stream %s: another client reads it, too (%" PRIu64
                          " request%s): each bridge needs a durable of its own",
                          bridge->durable.name, bridge->durable.stream, waiting, units_plural(waiting));
}

static enum flow take(struct bridge *bridge, struct settling *settling, natsMsg *message,
                      const struct delivery *delivery)
{
    bool is_new;
    if (delivery->consumer_sequence != bridge->next_consumer_sequence) {
        natsMsg_Destroy(message);
        settling->anew = true;
        return FLOW_CONTINUE;
    }
    if (bridge_count_delivery(bridge, message, delivery)) {
        settling->arrived_ns = stop_now_ns();
        return FLOW_CONTINUE;
    }
    if (!hand_add(&bridge->hand, message, delivery, stop_now_ns(), &is_new))
        return publisher_fail_memory(bridge->publisher);
    if (is_new)
        settling->arrived_ns = stop_now_ns();
    return FLOW_CONTINUE;
}

/* Takes what comes until a request has ended. */
static enum flow receive(struct bridge *bridge, struct settling *settling)
{
    const int64_t end = stop_now_ns() + RECALLED_LATE_NS;
    enum flow flow = FLOW_CONTINUE;
    while (flow == FLOW_CONTINUE && !settling->anew && bridge->pull.outstanding > 0) {
        natsMsg *message = NULL;
        struct delivery delivery;
        const enum pull_event event = pull_next(&bridge->pull, 100, &message, &delivery);
        if (event == PULL_MESSAGE)
            flow = take(bridge, settling, message, &delivery);
        else if (stop_requested != 0)
            flow = FLOW_END;
        else if (event == PULL_DISTURBED || stop_now_ns() >= end)
            settling->anew = true;
        else if (event == PULL_NOTHING)
            publisher_tick(bridge->publisher);
    }
    if (flow == FLOW_CONTINUE && settling->anew)
        flow = pause_for(bridge, LOOK_AGAIN_NS);
    return flow;
}

/* Asks for @missing messages that the broker has delivered and that are not in hand. */
static enum flow fetch(struct bridge *bridge, struct settling *settling, uint64_t missing)
{
    const uint64_t count = missing < bridge->durable.batch ? missing : bridge->durable.batch;
    const natsStatus status = pull_ask(&bridge->pull, count, bridge->durable.max_bytes, RECALLED_NS);
    if (status == NATS_OK)
        return receive(bridge, settling);
    connection_set_problem(&bridge->connection, "cannot ask for messages", status);
    return pause_again(bridge, settling);
}

/*
 * Compares what the broker says with what is in hand.
 *
 * @missing  receives how many messages are not there; not meant if .anew is set, or if others read the durable
 */
static enum flow compare(struct bridge *bridge, struct settling *settling, struct durable_state *state,
                         uint64_t *missing)
{
    const enum bridge_result result = durable_look(&bridge->durable, &bridge->connection, state);
    if (result != BRIDGE_OK)
        return step(bridge, settling, result);
    if (state->waiting > 0)
        return await_others(bridge, settling, state->waiting);
    settling->waiting_ns = 0;
    if (settling->first)
        bridge->next_consumer_sequence = state->consumer_sequence + 1;
    settling->first = false;
    const uint64_t in_hand = bridge->hand.count;
    if (state->consumer_sequence + 1 != bridge->next_consumer_sequence || state->unacknowledged < in_hand) {
        settling->anew = true;
        return pause_for(bridge, LOOK_AGAIN_NS);
    }
    *missing = state->unacknowledged - in_hand;
    bridge->settled = *missing == 0;
    if (state->unacknowledged > IN_HAND_MAX)
        return publisher_fail(bridge->publisher, EXIT_FAILED,
                              "durable %s of stream %s: %" PRIu64
                              " messages are delivered and not acknowledged: more than can be put in order",
                              bridge->durable.name, bridge->durable.stream, state->unacknowledged);
    return FLOW_CONTINUE;
}

/* Whether to go on with messages that are missing. */
static bool is_open(const struct bridge *bridge, const struct settling *settling, enum flow flow)
{
    return flow == FLOW_CONTINUE && !bridge->settled && !settling->anew && settling->waiting_ns == 0;
}

/* One attempt to get what is missing. */
static enum flow gather(struct bridge *bridge, struct settling *settling)
{
    struct durable_state state = {0};
    uint64_t missing = 0;
    enum flow flow = compare(bridge, settling, &state, &missing);
    if (!is_open(bridge, settling, flow))
        return flow;
    if (wait_notice_is_due(&settling->notice, settling->arrived_ns))
        say_status("waiting for %" PRIu64 " message%s that the broker has delivered before and not again yet",
                   missing, units_plural(missing));
    if (!durable_can_recall(&state)) {
        if (stop_now_ns() - settling->since_ns < bridge->durable.ack_wait_ns + ACK_WAIT_LATE_NS)
            return pause_for(bridge, LOOK_AGAIN_NS);
        return fetch(bridge, settling, missing);
    }
    flow = step(bridge, settling, durable_recall(&bridge->durable, &bridge->connection, &state, &bridge->hand));
    /* Acknowledgements that were on their way have arrived, too. */
    if (is_open(bridge, settling, flow))
        flow = compare(bridge, settling, &state, &missing);
    return is_open(bridge, settling, flow) ? fetch(bridge, settling, missing) : flow;
}

enum flow settle(struct bridge *bridge)
{
    struct settling settling = {.anew = true};
    enum flow flow = FLOW_CONTINUE;
    wait_notice_init(&settling.notice);
    bridge->settled = false;
    while (flow == FLOW_CONTINUE && !bridge->settled) {
        if (!connection_is_up(&bridge->connection))
            settling.anew = true;
        flow = settling.anew ? begin(bridge, &settling) : gather(bridge, &settling);
    }
    wait_notice_end(&settling.notice);
    if (flow == FLOW_CONTINUE)
        connection_progress(&bridge->connection);
    return flow;
}
