/* SPDX-License-Identifier: MIT */
#include "monitor/top/text.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/cli/units.h"

_Static_assert((int)TEXT_SIZE >= (int)UNITS_SIZE, "what units.h writes fits");

char *text_milliseconds(char *text, uint64_t ms)
{
    if (ms >= 1000)
        return units_age(text, ms < INT64_MAX / 1000000 ? (int64_t)ms * 1000000 : INT64_MAX);
    if (ms > 0)
        snprintf(text, TEXT_SIZE, "%" PRIu64 " ms", ms);
    else
        snprintf(text, TEXT_SIZE, "< 1 ms");
    return text;
}

char *text_rate(char *text, double per_second)
{
    if (per_second > 0 && per_second < 1)
        snprintf(text, TEXT_SIZE, "<1");
    else
        units_count(text, (double)(uint64_t)(per_second + 0.5));
    return text;
}
