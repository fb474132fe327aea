/* SPDX-License-Identifier: MIT */

/*
 * The baseline: the plain spinning ring. Every message is published by a store, both sides spin, and each reads
 * the other's index only when what it saw of it last is used up.
 */

#include "bench/support/raw_ring.h"

int main(int argc, char **argv)
{
    static const struct contender contender = {
        .name = "raw",
        .loads = LOAD_STREAM | LOAD_ROUND_TRIP,
        .channel_bytes = sizeof(struct raw_channel),
        .prepare = raw_prepare,
        .send = raw_send_each,
        .receive = raw_receive_each,
    };
    return bench_run(argc, argv, &contender);
}
