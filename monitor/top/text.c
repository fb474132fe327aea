/* SPDX-License-Identifier: MIT */
#include "monitor/top/text.h"

#include <stdio.h>

#include "common/cli/units.h"

_Static_assert((int)TEXT_SIZE >= (int)UNITS_SIZE, "what units.h writes fits");

char *text_rate(char *text, double per_second)
{
    if (per_second > 0 && per_second < 1)
        snprintf(text, TEXT_SIZE, "<1");
    else
        units_count(text, (double)(uint64_t)(per_second + 0.5));
    return text;
}
