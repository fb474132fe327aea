/* SPDX-License-Identifier: MIT */
#include "producer/nats/hand.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 256 };

void hand_clear(struct hand *hand)
{
    for (size_t i = 0; i < hand->count; i++)
        natsMsg_Destroy(hand_at(hand, i)->message);
    hand->first = 0;
    hand->count = 0;
}

void hand_free(struct hand *hand)
{
    hand_clear(hand);
    free(hand->list);
    *hand = (struct hand){0};
}

/* Room for one more at the end. */
static bool make_room(struct hand *hand)
{
    if (hand->first + hand->count < hand->size)
        return true;
    if (hand->first > hand->size / 2) {
        memmove(hand->list, hand->list + hand->first, hand->count * sizeof(*hand->list));
        hand->first = 0;
        return true;
    }
    const size_t size = hand->size == 0 ? FIRST_SIZE : 2 * hand->size;
    struct received *larger = realloc(hand->list, size * sizeof(*larger));
    if (larger == NULL)
        return false;
    hand->list = larger;
    hand->size = size;
    return true;
}

/* Index of the first message that does not stand before @stream_sequence. */
static size_t find(const struct hand *hand, uint64_t stream_sequence)
{
    size_t low = 0;
    size_t high = hand->count;
    if (high > 0 && hand_at(hand, high - 1)->delivery.stream_sequence < stream_sequence)
        return high;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (hand_at(hand, middle)->delivery.stream_sequence < stream_sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool hand_has(const struct hand *hand, uint64_t stream_sequence)
{
    const size_t at = find(hand, stream_sequence);
    return at < hand->count && hand_at(hand, at)->delivery.stream_sequence == stream_sequence;
}

bool hand_add(struct hand *hand, natsMsg *message, const struct delivery *delivery, int64_t now_ns, bool *is_new)
{
    *is_new = !hand_has(hand, delivery->stream_sequence);
    if (!*is_new || !make_room(hand)) {
        natsMsg_Destroy(message);
        return !*is_new;
    }
    const size_t at = find(hand, delivery->stream_sequence);
    struct received *place = &hand->list[hand->first + at];
    memmove(place + 1, place, (hand->count - at) * sizeof(*place));
    *place = (struct received){message, *delivery, now_ns};
    hand->count++;
    return true;
}

void hand_drop_first(struct hand *hand)
{
    natsMsg_Destroy(hand_at(hand, 0)->message);
    hand->first++;
    hand->count--;
    if (hand->count == 0)
        hand->first = 0;
}
