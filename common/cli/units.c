/* SPDX-License-Identifier: MIT */
#include "common/cli/units.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

static const char prefixes[] = " kMGTPE";

static size_t scale(double *value, double base)
{
    size_t power = 0;
    /* A value that would be rounded to four digits moves to the next unit. */
    while (*value >= base * 0.9995 && power < sizeof(prefixes) - 2) {
        *value /= base;
        power++;
    }
    return power;
}

static int decimals(double value)
{
    return value == (double)(int64_t)value ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
}

char *units_bytes(char *text, double bytes)
{
    size_t power = scale(&bytes, 1000);
    if (power == 0)
        snprintf(text, UNITS_SIZE, "%.0f B", bytes);
    else
        snprintf(text, UNITS_SIZE, "%.*f %cB", decimals(bytes), bytes, prefixes[power]);
    return text;
}

char *units_memory(char *text, uint64_t bytes)
{
    double value = (double)bytes;
    size_t power = scale(&value, 1024);
    if (power == 0)
        snprintf(text, UNITS_SIZE, "%" PRIu64 " B", bytes);
    else if (bytes % (UINT64_C(1) << (10 * power)) == 0)
        snprintf(text, UNITS_SIZE, "%.0f %ciB", value, power == 1 ? 'K' : prefixes[power]);
    else
        snprintf(text, UNITS_SIZE, "%.*f %ciB", decimals(value), value, power == 1 ? 'K' : prefixes[power]);
    return text;
}

char *units_size(char *text, uint64_t bytes)
{
    static const char letters[] = {'\0', 'K', 'M', 'G'};
    size_t power = 0;
    while (power < sizeof(letters) - 1 && bytes > 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        power++;
    }
    snprintf(text, UNITS_SIZE, power == 0 ? "%" PRIu64 : "%" PRIu64 "%c", bytes, letters[power]);
    return text;
}

char *units_count(char *text, double count)
{
    size_t power = scale(&count, 1000);
    if (power == 0)
        snprintf(text, UNITS_SIZE, "%.0f", count);
    else
        snprintf(text, UNITS_SIZE, "%.*f %c", decimals(count), count, prefixes[power]);
    return text;
}

char *units_time(char *text, int64_t ns)
{
    if (ns % INT64_C(1000000000) == 0)
        snprintf(text, UNITS_SIZE, "%" PRId64 "s", ns / INT64_C(1000000000));
    else if (ns % INT64_C(1000000) == 0)
        snprintf(text, UNITS_SIZE, "%" PRId64 "ms", ns / INT64_C(1000000));
    else
        snprintf(text, UNITS_SIZE, "%.10gms", (double)ns / 1e6);
    return text;
}

char *units_duration(char *text, int64_t ns)
{
    double seconds = (double)ns / 1e9;
    int64_t whole = ns / INT64_C(1000000000);
    if (ns == 0)
        snprintf(text, UNITS_SIZE, "0 s");
    else if (ns < INT64_C(1000000))
        snprintf(text, UNITS_SIZE, "%.0f us", seconds * 1e6);
    else if (ns < INT64_C(1000000000))
        snprintf(text, UNITS_SIZE, "%.*f ms", decimals(seconds * 1e3), seconds * 1e3);
    else if (seconds < 60)
        snprintf(text, UNITS_SIZE, "%.*f s", decimals(seconds), seconds);
    else if (whole < 3600)
        snprintf(text, UNITS_SIZE, "%" PRId64 " m %" PRId64 " s", whole / 60, whole % 60);
    else
        snprintf(text, UNITS_SIZE, "%" PRId64 " h %" PRId64 " m", whole / 3600, whole / 60 % 60);
    return text;
}

char *units_milliseconds(char *text, uint64_t ms)
{
    if (ms > 0)
        return units_duration(text, ms < INT64_MAX / 1000000 ? (int64_t)ms * 1000000 : INT64_MAX);
    snprintf(text, UNITS_SIZE, "< 1 ms");
    return text;
}

/* Return: @ns / @unit, rounded. */
static int64_t rounded(int64_t ns, int64_t unit)
{
    return ns / unit + (ns % unit >= unit / 2 ? 1 : 0);
}

char *units_age(char *text, int64_t ns)
{
    const int64_t second = INT64_C(1000000000);
    const int64_t tenths = rounded(ns, second / 10);
    if (ns < 0)
        snprintf(text, UNITS_SIZE, "-");
    else if (tenths < 100)
        snprintf(text, UNITS_SIZE, "%" PRId64 ".%" PRId64 " s", tenths / 10, tenths % 10);
    else if (rounded(ns, second) < 100)
        snprintf(text, UNITS_SIZE, "%" PRId64 " s", rounded(ns, second));
    else if (rounded(ns, 60 * second) < 100)
        snprintf(text, UNITS_SIZE, "%" PRId64 " m", rounded(ns, 60 * second));
    else if (rounded(ns, 3600 * second) < 48)
        snprintf(text, UNITS_SIZE, "%" PRId64 " h", rounded(ns, 3600 * second));
    else
        snprintf(text, UNITS_SIZE, "%" PRId64 " d", rounded(ns, 86400 * second));
    return text;
}
