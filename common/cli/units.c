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

char *units_age(char *text, int64_t ns)
{
    const int64_t seconds = ns / INT64_C(1000000000);
    if (ns < 0)
        snprintf(text, UNITS_SIZE, "-");
    else if (seconds < 10)
        snprintf(text, UNITS_SIZE, "%" PRId64 ".%" PRId64 " s", seconds, ns / INT64_C(100000000) % 10);
    else if (seconds < 60)
        snprintf(text, UNITS_SIZE, "%" PRId64 " s", seconds);
    else if (seconds < 3600)
        snprintf(text, UNITS_SIZE, "%" PRId64 " m", seconds / 60);
    else if (seconds < INT64_C(48) * 3600)
        snprintf(text, UNITS_SIZE, "%" PRId64 " h", seconds / 3600);
    else
        snprintf(text, UNITS_SIZE, "%" PRId64 " d", seconds / 86400);
    return text;
}
