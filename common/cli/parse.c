/* SPDX-License-Identifier: MIT */
#include "common/cli/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_SECOND INT64_C(1000000000)

/* strtoull and strtod would also accept signs, blanks, hexadecimal and locale-dependent forms. */
static int parse_digits(const char **text, uint64_t *value)
{
    const char *at = *text;
    uint64_t sum = 0;
    if (!isdigit((unsigned char)*at))
        return -EINVAL;
    for (; isdigit((unsigned char)*at); at++) {
        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, (uint64_t)(*at - '0'), &sum))
            return -ERANGE;
    }
    *text = at;
    *value = sum;
    return 0;
}

/* Parses a fraction such as ".25", if there is one. */
static double parse_fraction(const char **text)
{
    double value = 0;
    double scale = 0.1;
    const char *at = *text;
    if (*at != '.' || !isdigit((unsigned char)at[1]))
        return 0;
    for (at++; isdigit((unsigned char)*at); at++, scale /= 10)
        value += (*at - '0') * scale;
    *text = at;
    return value;
}

int parse_size(const char *text, uint64_t *value)
{
    uint64_t size;
    int error = parse_digits(&text, &size);
    if (error != 0)
        return error;
    unsigned shift = 0;
    switch (*text) {
    case 'K':
    case 'k':
        shift = 10;
        break;
    case 'M':
    case 'm':
        shift = 20;
        break;
    case 'G':
    case 'g':
        shift = 30;
        break;
    case '\0':
        break;
    default:
        return -EINVAL;
    }
    if (shift != 0 && text[1] != '\0')
        return -EINVAL;
    if (size > UINT64_MAX >> shift)
        return -ERANGE;
    *value = size << shift;
    return 0;
}

static int64_t unit_ns(const char *unit, size_t length)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"", NS_PER_SECOND},  {"us", NS_PER_MS / 1000},  {"ms", NS_PER_MS},
                 {"s", NS_PER_SECOND}, {"m", 60 * NS_PER_SECOND}, {"h", 3600 * NS_PER_SECOND}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strlen(units[i].name) == length && memcmp(units[i].name, unit, length) == 0)
            return units[i].ns;
    }
    return 0;
}

static int parse_duration_until(const char *text, const char *end, int64_t *value_ns)
{
    uint64_t whole;
    int error = parse_digits(&text, &whole);
    if (error != 0)
        return error;
    double fraction = parse_fraction(&text);
    int64_t unit = unit_ns(text, (size_t)(end - text));
    if (unit == 0)
        return -EINVAL;
    uint64_t ns;
    if (__builtin_mul_overflow(whole, (uint64_t)unit, &ns) ||
        __builtin_add_overflow(ns, (uint64_t)(fraction * (double)unit + 0.5), &ns) ||
        ns > INT64_MAX / 4) /* so that it can be added to any clock value */
        return -ERANGE;
    *value_ns = (int64_t)ns;
    return 0;
}

int parse_duration(const char *text, int64_t *value_ns)
{
    return parse_duration_until(text, text + strlen(text), value_ns);
}

int parse_duration_range(const char *text, int64_t *min_ns, int64_t *max_ns)
{
    const char *colon = strchr(text, ':');
    if (colon == NULL) {
        int error = parse_duration(text, min_ns);
        if (error == 0)
            *max_ns = *min_ns;
        return error;
    }
    int64_t min;
    int64_t max;
    int error = parse_duration_until(text, colon, &min);
    if (error == 0)
        error = parse_duration(colon + 1, &max);
    if (error != 0)
        return error;
    if (max < min)
        return -EINVAL;
    *min_ns = min;
    *max_ns = max;
    return 0;
}

int parse_count(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
    uint64_t count;
    int error = parse_digits(&text, &count);
    if (error != 0)
        return error;
    if (*text != '\0')
        return -EINVAL;
    if (count < min || count > max)
        return -ERANGE;
    *value = count;
    return 0;
}

int parse_rate(const char *text, double *value)
{
    uint64_t whole;
    int error = parse_digits(&text, &whole);
    if (error != 0)
        return error;
    double rate = (double)whole + parse_fraction(&text);
    if (*text != '\0')
        return -EINVAL;
    if (rate < 1e-6 || rate > 1e9)
        return -ERANGE;
    *value = rate;
    return 0;
}

static int hex_digit(char digit)
{
    const char *digits = "0123456789abcdef";
    const char *found = digit == '\0' ? NULL : strchr(digits, tolower((unsigned char)digit));
    return found == NULL ? -1 : (int)(found - digits);
}

static int parse_escape(const char *text, unsigned char *value)
{
    static const char names[] = "ntr0\\";
    static const char bytes[] = "\n\t\r\0\\";
    if (text[0] == 'x') {
        int high = hex_digit(text[1]);
        int low = high < 0 ? -1 : hex_digit(text[2]);
        if (low < 0 || text[3] != '\0')
            return -EINVAL;
        *value = (unsigned char)(high * 16 + low);
        return 0;
    }
    const char *found = text[0] == '\0' ? NULL : strchr(names, text[0]);
    if (found == NULL || text[1] != '\0')
        return -EINVAL;
    *value = (unsigned char)bytes[found - names];
    return 0;
}

int parse_delimiter(const char *text, unsigned char *value)
{
    if (text[0] == '\\' && text[1] != '\0')
        return parse_escape(text + 1, value);
    if (text[0] == '\0' || text[1] != '\0')
        return -EINVAL;
    *value = (unsigned char)text[0];
    return 0;
}
