/* SPDX-License-Identifier: MIT */
#include "common/cli/rates.h"

#include <stdlib.h>

/* So many intervals may be missed before their points are unknown. */
enum { MISSED_MOST = 4 };

static void restart(struct rates *rates, const struct shmq_stat *stat)
{
    rates_free(rates);
    *rates = (struct rates){.queue_id = stat->queue_id};
}

static void push(struct rates *rates, struct rates_point point)
{
    rates->newest = (rates->newest + 1) % RATES_POINTS;
    rates->points[rates->newest] = point;
    rates->pushed++;
    if (rates->used < RATES_POINTS)
        rates->used++;
}

/* The points of the intervals that have passed since the last look. */
static void push_passed(struct rates *rates, struct rates_point point, int64_t passed_ns)
{
    int64_t intervals = (passed_ns + RATES_INTERVAL_NS / 2) / RATES_INTERVAL_NS;
    const bool gap = intervals - 1 > MISSED_MOST;
    if (intervals > RATES_POINTS)
        intervals = RATES_POINTS;
    const struct rates_point unknown = {.known = false};
    for (int64_t i = 1; i < intervals; i++)
        push(rates, gap ? unknown : point);
    push(rates, point);
}

bool rates_add(struct rates *rates, const struct shmq_stat *stat, int64_t now_ns)
{
    if (rates->at_ns != 0 && rates->queue_id == stat->queue_id && now_ns - rates->at_ns < RATES_INTERVAL_NS / 2)
        return false;
    if (rates->at_ns == 0 || rates->queue_id != stat->queue_id)
        restart(rates, stat);
    const int64_t passed_ns = rates->at_ns == 0 ? RATES_INTERVAL_NS : now_ns - rates->at_ns;
    const uint64_t in = meter_add(&rates->in, stat->put_messages, now_ns);
    const uint64_t out = meter_add(&rates->out, stat->acknowledged, now_ns);
    const struct rates_point point = {
        .known = true,
        .in = (float)((double)in * 1e9 / (double)passed_ns),
        .out = (float)((double)out * 1e9 / (double)passed_ns),
        .fill = stat->fill_percent < 100 ? (float)stat->fill_percent : 100,
    };
    push_passed(rates, point, passed_ns);
    rates->at_ns = now_ns;
    return true;
}

/* Return: the meter of lane or seat number @index; NULL without memory, or if there is no such one. */
static struct meter *meter_at(struct meter **meters, uint32_t *count, uint32_t index, uint32_t most)
{
    if (index >= most)
        return NULL;
    if (index >= *count) {
        struct meter *more = realloc(*meters, (index + 1) * sizeof(*more));
        if (more == NULL)
            return NULL;
        for (uint32_t i = *count; i <= index; i++)
            more[i] = (struct meter){0};
        *meters = more;
        *count = index + 1;
    }
    return &(*meters)[index];
}

void rates_add_lane(struct rates *rates, const struct shmq_lane_stat *lane, int64_t now_ns)
{
    struct meter *meter = meter_at(&rates->lanes, &rates->lane_count, lane->lane, SHMQ_LANES_MAX);
    if (meter != NULL)
        meter_add(meter, lane->put_messages, now_ns);
}

void rates_add_seat(struct rates *rates, const struct shmq_seat_stat *seat, int64_t now_ns)
{
    struct meter *meter = meter_at(&rates->seats, &rates->seat_count, seat->seat, SHMQ_SEATS_MAX);
    if (meter != NULL)
        meter_add(meter, seat->delivered, now_ns);
}

double rates_in(const struct rates *rates)
{
    return meter_rate(&rates->in);
}

double rates_out(const struct rates *rates)
{
    return meter_rate(&rates->out);
}

double rates_of_lane(const struct rates *rates, uint32_t lane)
{
    return lane < rates->lane_count ? meter_rate(&rates->lanes[lane]) : 0;
}

double rates_of_seat(const struct rates *rates, uint32_t seat)
{
    return seat < rates->seat_count ? meter_rate(&rates->seats[seat]) : 0;
}

struct rates_point rates_at(const struct rates *rates, uint32_t ago)
{
    if (ago >= rates->used)
        return (struct rates_point){.known = false};
    return rates->points[(rates->newest + RATES_POINTS - ago) % RATES_POINTS];
}

void rates_free(struct rates *rates)
{
    free(rates->lanes);
    free(rates->seats);
    *rates = (struct rates){0};
}
