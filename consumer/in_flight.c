/* SPDX-License-Identifier: MIT */
#include "consumer/in_flight.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int in_flight_init(struct in_flight *flight, size_t room)
{
    *flight = (struct in_flight){.room = room};
    flight->slots = calloc(room, sizeof(*flight->slots));
    flight->order = calloc(room, sizeof(*flight->order));
    if (flight->slots && flight->order)
        return 0;
    in_flight_free(flight);
    return -ENOMEM;
}

void in_flight_free(struct in_flight *flight)
{
    free(flight->slots);
    free(flight->order);
    *flight = (struct in_flight){0};
}

void in_flight_begin(struct in_flight *flight, size_t count)
{
    struct slot *slots = flight->slots;
    size_t *order = flight->order;

    *flight = (struct in_flight){.slots = slots, .order = order, .room = flight->room, .count = count};
    for (size_t i = 0; i < count; i++)
        slots[i].state = SLOT_READY;
}

bool in_flight_peek(struct in_flight *flight, size_t *index)
{
    while (flight->next < flight->count && flight->slots[flight->next].state != SLOT_READY)
        flight->next++;
    *index = flight->next;
    if (flight->next == flight->count)
        return false;
    return flight->out == 0 ||
           (flight->next >= flight->careful_to && flight->order[flight->first] >= flight->careful_to);
}

void in_flight_take(struct in_flight *flight)
{
    flight->slots[flight->next].state = SLOT_OUT;
    flight->order[(flight->first + flight->out) % flight->room] = flight->next;
    flight->out++;
    flight->next++;
}

void in_flight_sent(struct in_flight *flight, size_t count)
{
    flight->sent += count;
}

static void judge(struct slot *slot, enum verdict verdict, const char *why)
{
    slot->state = SLOT_JUDGED;
    slot->verdict = verdict;
    if (verdict != VERDICT_DONE)
        snprintf(slot->why, sizeof(slot->why), "%s", why);
}

void in_flight_refuse(struct in_flight *flight, const char *why)
{
    judge(&flight->slots[flight->next], VERDICT_REJECTED, why);
}

bool in_flight_judge(struct in_flight *flight, enum verdict verdict, const char *why)
{
    if (flight->sent == 0)
        return false;
    judge(&flight->slots[flight->order[flight->first]], verdict, why);
    flight->first = (flight->first + 1) % flight->room;
    flight->out--;
    flight->sent--;
    return true;
}

void in_flight_lost(struct in_flight *flight, const char *why)
{
    size_t guilty = flight->count;

    if (flight->out > 0)
        guilty = flight->order[flight->first];
    else
        (void)in_flight_peek(flight, &guilty);
    for (; flight->out > 0; flight->out--) {
        size_t index = flight->order[flight->first];

        flight->slots[index].state = SLOT_READY;
        if (index >= flight->careful_to)
            flight->careful_to = index + 1;
        flight->first = (flight->first + 1) % flight->room;
    }
    flight->sent = 0;
    flight->next = flight->oldest;
    if (why && guilty < flight->count)
        judge(&flight->slots[guilty], VERDICT_FAILED, why);
}

size_t in_flight_done(const struct in_flight *flight)
{
    size_t end = flight->oldest;

    while (end < flight->count && flight->slots[end].state == SLOT_JUDGED &&
           flight->slots[end].verdict == VERDICT_DONE)
        end++;
    return end - flight->oldest;
}

const struct slot *in_flight_verdict(const struct in_flight *flight)
{
    const struct slot *slot = &flight->slots[flight->oldest];

    return flight->oldest < flight->count && slot->state == SLOT_JUDGED ? slot : NULL;
}

void in_flight_settle(struct in_flight *flight, size_t count)
{
    flight->oldest += count;
    if (flight->next < flight->oldest)
        flight->next = flight->oldest;
}

void in_flight_repeat(struct in_flight *flight)
{
    flight->slots[flight->oldest].state = SLOT_READY;
    flight->next = flight->oldest;
}
