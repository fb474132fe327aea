/* SPDX-License-Identifier: MIT */
/*
 * A consumer that shows the counters of a bridge to a broker, without a broker: for tests of what shows them.
 *
 *   tool_bridge QUEUE
 *
 * It is not connected at first. Each word that it reads from stdin changes that: "connect", "refuse" (the broker
 * refused one message more). It says "ready" after each, and ends with stdin.
 */
#include <stdio.h>
#include <string.h>

#include "common/shmq.h"

static int show(struct shmq *queue, const uint64_t *words)
{
    const int error = shmq_set_bridge(queue, words);
    if (error != 0)
        fprintf(stderr, "tool_bridge: %s\n", shmq_strerror(error));
    else
        puts("ready");
    (void)fflush(stdout);
    return error;
}

int main(int argc, char **argv)
{
    struct shmq *queue;
    uint64_t words[SHMQ_BRIDGE_WORDS] = {[SHMQ_BRIDGE_PRESENT] = 1};
    char word[16];
    int error = shmq_open(&queue, argc > 1 ? argv[1] : "", SHMQ_CONSUMER, NULL);
    if (error != 0) {
        fprintf(stderr, "tool_bridge: %s\n", shmq_strerror(error));
        return 1;
    }
    error = show(queue, words);
    while (error == 0 && scanf("%15s", word) == 1) {
        if (strcmp(word, "connect") == 0)
            words[SHMQ_BRIDGE_CONNECTED] = 1;
        else
            words[SHMQ_BRIDGE_REFUSED]++;
        error = show(queue, words);
    }
    (void)shmq_close(queue);
    return error != 0;
}
