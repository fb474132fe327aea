/* SPDX-License-Identifier: MIT */
#include "common/nats/counters.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_MS 1e6

void counters_refuse(struct counters *counters, unsigned code)
{
    struct counters_refusal *refusal = counters->refused;
    for (size_t i = 0; i < COUNTERS_REFUSALS - 1 && refusal->code != code && refusal->code != 0; i++)
        refusal++;
    if (refusal->code == 0)
        refusal->code = code;
    refusal->count++;
    counters->refusal = code;
}

void counters_time(struct counters *counters, int64_t ns)
{
    counters->times++;
    counters->time_sum_ns += ns;
    if (ns > counters->time_max_ns)
        counters->time_max_ns = ns;
}

static uint64_t count_refusals(const struct counters *counters)
{
    uint64_t count = 0;
    for (size_t i = 0; i < COUNTERS_REFUSALS; i++)
        count += counters->refused[i].count;
    return count;
}

void counters_show(const struct counters *counters, bool connected, uint64_t words[static SHMQ_BRIDGE_WORDS])
{
    memset(words, 0, SHMQ_BRIDGE_WORDS * sizeof(words[0]));
    words[SHMQ_BRIDGE_PRESENT] = 1;
    words[SHMQ_BRIDGE_PUBLISHED] = counters->published;
    words[SHMQ_BRIDGE_ACKNOWLEDGED] = counters->acknowledged;
    words[SHMQ_BRIDGE_DUPLICATES] = counters->duplicates;
    words[SHMQ_BRIDGE_RESENT] = counters->resent;
    words[SHMQ_BRIDGE_SKIPPED] = counters->skipped;
    words[SHMQ_BRIDGE_IN_FLIGHT] = counters->in_flight;
    words[SHMQ_BRIDGE_RECONNECTS] = counters->reconnects;
    words[SHMQ_BRIDGE_REFUSED] = count_refusals(counters);
    words[SHMQ_BRIDGE_REFUSAL] = counters->refusal;
    words[SHMQ_BRIDGE_ACKS] = counters->times;
    words[SHMQ_BRIDGE_ACK_SUM_NS] = (uint64_t)counters->time_sum_ns;
    words[SHMQ_BRIDGE_ACK_MAX_NS] = (uint64_t)counters->time_max_ns;
    words[SHMQ_BRIDGE_CONNECTED] = connected;
}

/* Adds a part to a list with commas; leaves it out where it does not fit. */
static void __attribute__((format(printf, 2, 3))) add(char *text, const char *format, ...)
{
    const size_t used = strlen(text);
    const size_t comma = used > 0 ? 2 : 0;
    va_list arguments;
    if (used + comma + 1 >= COUNTERS_BYTES)
        return;
    memcpy(text + used, ", ", comma);
    va_start(arguments, format);
    const int length = vsnprintf(text + used + comma, COUNTERS_BYTES - used - comma, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= COUNTERS_BYTES - used - comma)
        text[used] = '\0';
}

static void add_refusals(const struct counters *counters, char *text)
{
    for (size_t i = 0; i < COUNTERS_REFUSALS && counters->refused[i].code != 0; i++) {
        const struct counters_refusal *refusal = &counters->refused[i];
        add(text, "%" PRIu64 " refused (%u%s)", refusal->count, refusal->code,
            i == COUNTERS_REFUSALS - 1 ? " and others" : "");
    }
}

char *counters_describe(const struct counters *counters, char text[static COUNTERS_BYTES])
{
    const struct {
        uint64_t count;
        const char *what;
    } all[] = {{counters->published, "published"},   {counters->acknowledged, "acknowledged"},
               {counters->in_flight, "in flight"},   {counters->duplicates, "duplicate"},
               {counters->resent, "resent"},         {counters->skipped, "there already"},
               {counters->reconnects, "reconnected"}};
    text[0] = '\0';
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i].count > 0)
            add(text, "%" PRIu64 " %s", all[i].count, all[i].what);
    }
    add_refusals(counters, text);
    if (counters->times > 0)
        add(text, "ack after %.1f ms (at most %.1f ms)",
            (double)counters->time_sum_ns / NS_PER_MS / (double)counters->times,
            (double)counters->time_max_ns / NS_PER_MS);
    return text;
}
