/* SPDX-License-Identifier: MIT */

/*
 * The baseline: a plain spinning ring. One store publishes each message, both sides spin, and each side reads the
 * other's index only when its cached copy is used up.
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
