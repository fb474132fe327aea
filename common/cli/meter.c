/* SPDX-License-Identifier: MIT */
#include "common/cli/meter.h"

/* More than any queue can do: 10^10 a second. */
#define MOST_PER_NS UINT64_C(10)

static void restart(struct meter *meter, uint64_t count, int64_t now_ns)
{
    meter->used = 1;
    meter->newest = 0;
    meter->samples[0].count = count;
    meter->samples[0].at_ns = now_ns;
}

uint64_t meter_add(struct meter *meter, uint64_t count, int64_t now_ns)
{
    if (meter->used == 0) {
        restart(meter, count, now_ns);
        return 0;
    }
    const uint64_t before = meter->samples[meter->newest].count;
    const int64_t passed_ns = now_ns - meter->samples[meter->newest].at_ns;
    if (passed_ns <= 0)
        return 0;
    if (count < before || (count - before) / MOST_PER_NS > (uint64_t)passed_ns) {
        restart(meter, count, now_ns);
        return 0;
    }
    meter->newest = (meter->newest + 1) % METER_SAMPLES;
    meter->samples[meter->newest].count = count;
    meter->samples[meter->newest].at_ns = now_ns;
    if (meter->used < METER_SAMPLES)
        meter->used++;
    return count - before;
}

double meter_rate(const struct meter *meter)
{
    if (meter->used < 2)
        return 0;
    const int64_t now_ns = meter->samples[meter->newest].at_ns;
    uint32_t from = 0;
    /* The oldest one in the span, or the one just before the newest. */
    for (uint32_t back = 1; back < meter->used; back++) {
        const uint32_t at = (meter->newest + METER_SAMPLES - back) % METER_SAMPLES;
        if (back > 1 && now_ns - meter->samples[at].at_ns > METER_SPAN_NS)
            break;
        from = at;
    }
    const uint64_t counted = meter->samples[meter->newest].count - meter->samples[from].count;
    return (double)counted * 1e9 / (double)(now_ns - meter->samples[from].at_ns);
}
