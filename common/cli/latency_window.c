/* SPDX-License-Identifier: MIT */
#include "common/cli/latency_window.h"

#include <stddef.h>
#include <string.h>

/* Return: the place of the oldest histogram that is in the window; LATENCY_WINDOW_PAST: none is. */
static uint32_t oldest(const struct latency_window *window, int64_t now_ns)
{
    for (uint32_t ago = window->used; ago > 0; ago--) {
        const uint32_t i = (window->newest + LATENCY_WINDOW_PAST + 1 - ago) % LATENCY_WINDOW_PAST;
        if (now_ns - window->past[i].at_ns <= LATENCY_WINDOW_NS)
            return i;
    }
    return LATENCY_WINDOW_PAST;
}

static void keep(struct latency_window *window, const uint64_t *counts, int64_t now_ns)
{
    window->newest = (window->newest + 1) % LATENCY_WINDOW_PAST;
    if (window->used < LATENCY_WINDOW_PAST)
        window->used++;
    window->past[window->newest].at_ns = now_ns;
    memcpy(window->past[window->newest].counts, counts, sizeof(window->past[0].counts));
}

int64_t latency_window_add(struct latency_window *window, const uint64_t *counts, int64_t now_ns, uint64_t *recent)
{
    const uint32_t from = oldest(window, now_ns);
    int64_t length_ns = 0;
    memset(recent, 0, SHMQ_LATENCY_BUCKETS * sizeof(*recent));
    if (from < LATENCY_WINDOW_PAST) {
        const uint64_t *before = window->past[from].counts;
        length_ns = now_ns - window->past[from].at_ns;
        /* A damaged queue may count backwards. */
        for (size_t i = 0; i < SHMQ_LATENCY_BUCKETS; i++)
            recent[i] = counts[i] > before[i] ? counts[i] - before[i] : 0;
    }
    if (window->used == 0 || now_ns - window->past[window->newest].at_ns >= LATENCY_WINDOW_STEP_NS)
        keep(window, counts, now_ns);
    return length_ns;
}
