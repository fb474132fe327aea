/* SPDX-License-Identifier: MIT */
#include "consumer/nats/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int window_init(struct window *window, size_t room)
{
    *window = (struct window){.room = room, .slots = calloc(room, sizeof(*window->slots))};
    return window->slots ? 0 : -ENOMEM;
}

void window_free(struct window *window)
{
    free(window->slots);
    window->slots = NULL;
}

void window_begin(struct window *window, size_t count)
{
    window->batch++;
    window->count = count;
    window->oldest = window->next = window->out = 0;
    memset(window->slots, 0, count * sizeof(*window->slots));
}

void window_rewind(struct window *window)
{
    for (size_t i = window->oldest; i < window->count; i++)
        if (window->slots[i].state == PUBLICATION_SENT)
            window->slots[i].state = PUBLICATION_WAITING;
    window->next = window->oldest;
    window->out = 0;
}

bool window_next(struct window *window, size_t *index)
{
    while (window->next < window->count && window->slots[window->next].state != PUBLICATION_WAITING)
        window->next++;
    *index = window->next;
    return window->next < window->count;
}

bool window_sent(struct window *window, size_t index, int64_t now_ns)
{
    struct window_slot *slot = &window->slots[index];
    bool again = slot->sent_ns != 0;

    slot->state = PUBLICATION_SENT;
    slot->sent_ns = now_ns;
    window->next = index + 1;
    window->out++;
    return again;
}

bool window_store(struct window *window, size_t index, int64_t *sent_ns)
{
    struct window_slot *slot = &window->slots[index];

    if (index < window->oldest || index >= window->count || slot->state == PUBLICATION_STORED)
        return false;
    if (slot->state == PUBLICATION_SENT)
        window->out--;
    slot->state = PUBLICATION_STORED;
    *sent_ns = slot->sent_ns;
    return true;
}

bool window_refuse(struct window *window, size_t index)
{
    if (index < window->oldest || index >= window->count || window->slots[index].state != PUBLICATION_SENT)
        return false;
    window->slots[index].state = PUBLICATION_WAITING;
    window->out--;
    return true;
}

size_t window_done(const struct window *window)
{
    size_t done = 0;

    while (window->oldest + done < window->count &&
           window->slots[window->oldest + done].state == PUBLICATION_STORED)
        done++;
    return done;
}

void window_settle(struct window *window, size_t count)
{
    window->oldest += count;
    if (window->next < window->oldest)
        window->next = window->oldest;
}

int64_t window_waiting_since(const struct window *window)
{
    for (size_t i = window->oldest; i < window->next; i++)
        if (window->slots[i].state == PUBLICATION_SENT)
            return window->slots[i].sent_ns;
    return INT64_MAX;
}
