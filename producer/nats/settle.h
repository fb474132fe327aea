/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_NATS_SETTLE_H
#define SHMQ_PRODUCER_NATS_SETTLE_H

#include "producer/nats/bridge.h"

/*
 * Makes sure that no message is missing that is older than what will come: call this at the start, after the
 * connection was lost, and when deliveries were missed. Connects if there is no connection. Afterwards, what the
 * broker has delivered and not been acknowledged is in hand, in the order of the stream, and the bridge is
 * settled.
 *
 * Context: nothing is in hand; waits while the broker is away.
 * Return:  FLOW_CONTINUE; FLOW_END when a stop was requested; FLOW_FAILED.
 */
enum flow settle(struct bridge *bridge);

#endif
