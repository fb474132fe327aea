/* SPDX-License-Identifier: MIT */
/*
 * Numbers, sizes, durations, rates, delimiters and names as users write them: each is what slower arithmetic makes
 * of it, and what is none is refused and leaves its result alone.
 *
 * An input is a byte that says what the text is, then the text.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/parse.h"
#include "common/cli/units.h"
#include "common/kernel/name.h"
#include "tests/fuzz/support/fuzz.h"

enum { TEXT_BYTES = 400 };
#define UNTOUCHED UINT64_C(0x5a5a5a5a5a5a5a5a)

/* Wide enough for whatever is written down here. */
__extension__ typedef __int128 wide;
#define HUGE_NUMBER ((wide)1 << 70)
#define NS_PER_SECOND 1000000000

/* Digits at @text; HUGE_NUMBER for more than fit. Return: how many. */
static size_t digits(const char *text, wide *value)
{
    size_t count = 0;
    *value = 0;
    for (; isdigit((unsigned char)text[count]); count++)
        if (*value < HUGE_NUMBER)
            *value = *value * 10 + (text[count] - '0');
    return count;
}

/* A point and digits, in billionths, cut off. Return: how many characters. */
static size_t billionths(const char *text, wide *value)
{
    size_t count = 0;
    wide scale = NS_PER_SECOND;
    *value = 0;
    if (text[0] != '.' || !isdigit((unsigned char)text[1]))
        return 0;
    for (count = 1; isdigit((unsigned char)text[count]); count++) {
        scale /= 10;
        *value += (text[count] - '0') * scale;
    }
    return count;
}

/* ------------------------------------------------------------------ what it should be */

struct number {
    bool valid; /* it is written as it should be */
    wide value;
    wide off_by; /* it may be, for all that rounding does */
};

static struct number whole_number(const char *text)
{
    struct number number = {0};
    const size_t count = digits(text, &number.value);
    number.valid = count > 0 && text[count] == '\0';
    return number;
}

static struct number size_of(const char *text)
{
    static const char units[] = "kKmMgG";
    struct number number = {0};
    const size_t count = digits(text, &number.value);
    const char *unit = text[count] != '\0' ? strchr(units, text[count]) : NULL;
    if (unit != NULL)
        number.value <<= 10 * ((unit - units) / 2 + 1);
    number.valid = count > 0 && (text[count] == '\0' || (unit != NULL && text[count + 1] == '\0'));
    return number;
}

static wide unit_of(const char *text)
{
    static const struct {
        const char *name;
        wide ns;
    } units[] = {{"", NS_PER_SECOND},
                 {"s", NS_PER_SECOND},
                 {"us", 1000},
                 {"ms", 1000000},
                 {"m", (wide)60 * NS_PER_SECOND},
                 {"h", (wide)3600 * NS_PER_SECOND}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(text, units[i].name) == 0)
            return units[i].ns;
    return 0;
}

static struct number duration_of(const char *text)
{
    wide fraction;
    struct number number = {0};
    size_t count = digits(text, &number.value);
    const bool begins = count > 0;
    count += billionths(text + count, &fraction);
    const wide unit = unit_of(text + count);
    number.valid = begins && unit > 0;
    number.value = number.value * unit + fraction * unit / NS_PER_SECOND;
    number.off_by = unit / NS_PER_SECOND + 2;
    return number;
}

/* ------------------------------------------------------------------ judging */

static void judge(const char *text, struct number number, wide min, wide max, int code, uint64_t result)
{
    if (code != 0) {
        fuzz_require(result == UNTOUCHED, "'%s' is refused, but the result is set", text);
        fuzz_require(code == -EINVAL || code == -ERANGE, "'%s': %d", text, code);
        fuzz_require(!number.valid || number.value - number.off_by < min || number.value + number.off_by > max,
                     "'%s' is refused: %d", text, code);
        return;
    }
    const wide distance = (wide)result - number.value;
    fuzz_require(number.valid, "'%s' is taken for %ju", text, (uintmax_t)result);
    fuzz_require(distance <= number.off_by && -distance <= number.off_by, "'%s' is taken for %ju", text,
                 (uintmax_t)result);
    fuzz_require((wide)result >= min && (wide)result <= max, "'%s' is out of bounds: %ju", text,
                 (uintmax_t)result);
}

static void try_size(const char *text)
{
    uint64_t result = UNTOUCHED;
    const int code = parse_size(text, &result);
    judge(text, size_of(text), 0, UINT64_MAX, code, result);
}

static void try_count(const char *text)
{
    static const uint64_t bounds[] = {0, 1, 7, 1024, UINT32_MAX, UINT64_MAX};
    for (size_t i = 0; i + 1 < sizeof(bounds) / sizeof(bounds[0]); i++) {
        uint64_t result = UNTOUCHED;
        const int code = parse_count(text, bounds[i], bounds[i + 1], &result);
        judge(text, whole_number(text), bounds[i], bounds[i + 1], code, result);
    }
}

static void try_duration(const char *text)
{
    int64_t result = (int64_t)UNTOUCHED;
    const int code = parse_duration(text, &result);
    judge(text, duration_of(text), 0, INT64_MAX / 4, code, (uint64_t)result);
}

static void try_range(const char *text)
{
    char first[TEXT_BYTES + 1];
    int64_t min = (int64_t)UNTOUCHED;
    int64_t max = (int64_t)UNTOUCHED;
    const int code = parse_duration_range(text, &min, &max);
    const char *colon = strchr(text, ':');
    const size_t length = colon != NULL ? (size_t)(colon - text) : strlen(text);
    memcpy(first, text, length);
    first[length] = '\0';
    const char *second = colon != NULL ? colon + 1 : first;
    fuzz_require((code == 0) == (min != (int64_t)UNTOUCHED) && (code == 0) == (max != (int64_t)UNTOUCHED),
                 "'%s': %d, half of it set", text, code);
    if (code != 0)
        return;
    judge(first, duration_of(first), 0, INT64_MAX / 4, code, (uint64_t)min);
    judge(second, duration_of(second), 0, INT64_MAX / 4, code, (uint64_t)max);
    fuzz_require(min <= max, "'%s' ends before it begins", text);
}

static void try_rate(const char *text)
{
    wide whole;
    wide fraction;
    double rate = -1;
    size_t count = digits(text, &whole);
    const bool begins = count > 0;
    count += billionths(text + count, &fraction);
    const bool valid = begins && text[count] == '\0';
    const int code = parse_rate(text, &rate);
    fuzz_require((code == 0) == (rate > 0), "'%s': %d, %g", text, code, rate);
    if (code != 0)
        return;
    const double want = (double)whole + (double)fraction / NS_PER_SECOND;
    fuzz_require(valid && rate <= 1e9 && rate >= 1e-6 && rate - want < 1e-6 && want - rate < 1e-6,
                 "'%s' is taken for %g", text, rate);
}

static void try_delimiter(const char *text)
{
    static const char *const names[] = {"\\n", "\n", "\\t", "\t", "\\r", "\r", "\\\\", "\\"};
    unsigned char byte = 0x5a;
    const int code = parse_delimiter(text, &byte);
    fuzz_require(code == 0 || code == -EINVAL, "'%s': %d", text, code);
    fuzz_require((code == 0) || byte == 0x5a, "'%s' is refused, but the result is set", text);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i += 2)
        fuzz_require(strcmp(text, names[i]) != 0 || (code == 0 && byte == (unsigned char)names[i + 1][0]), "'%s'",
                     text);
    if (strlen(text) == 1)
        fuzz_require(code == 0 && byte == (unsigned char)text[0], "'%s'", text);
    else
        fuzz_require(code != 0 || text[0] == '\\', "'%s' is taken for one byte", text);
    if (strlen(text) == 4 && text[0] == '\\' && text[1] == 'x' && isxdigit((unsigned char)text[2]) &&
        isxdigit((unsigned char)text[3]))
        fuzz_require(code == 0 && byte == strtoul(text + 2, NULL, 16), "'%s'", text);
}

static void try_name(const char *text)
{
    char object[OBJECT_NAME_BYTES];
    char semaphore[OBJECT_NAME_BYTES];
    char file[SEMAPHORE_PATH_BYTES];
    bool allowed = text[0] != '\0';
    for (const char *at = text; *at != '\0'; at++)
        allowed =
            allowed && (unsigned char)*at < 128 && (isalnum((unsigned char)*at) || strchr("._-", *at) != NULL);
    const int code = shmq_name_check(text);
    fuzz_require(code == (!allowed                       ? -EINVAL
                          : strlen(text) > SHMQ_NAME_MAX ? -ENAMETOOLONG
                                                         : 0),
                 "'%s': %d", text, code);
    name_of_object(object, text);
    name_of_space(semaphore, text, UINT32_MAX);
    name_of_semaphore_file(file, semaphore);
    if (code == 0)
        fuzz_require(strcmp(object + 6, text) == 0 && strncmp(semaphore + 6, text, strlen(text)) == 0 &&
                         strchr(object + 1, '/') == NULL && strstr(file, text) != NULL,
                     "'%s' becomes %s, %s, %s", text, object, semaphore, file);
}

/* The other way round: a number as people read it. */
static void try_units(const char *text)
{
    char written[UNITS_SIZE];
    double any = 0;
    uint64_t bits = 0;
    memcpy(&bits, text, strlen(text) < sizeof(bits) ? strlen(text) : sizeof(bits));
    any = (double)bits / ((double)(bits & 0xffff) + 1);
    fuzz_require(strlen(units_memory(written, bits)) < UNITS_SIZE, "%ju", (uintmax_t)bits);
    fuzz_require(strlen(units_bytes(written, any)) < UNITS_SIZE, "%g", any);
    fuzz_require(strlen(units_count(written, any)) < UNITS_SIZE, "%g", any);
    fuzz_require(strlen(units_duration(written, (int64_t)(bits >> 1))) < UNITS_SIZE, "%ju", (uintmax_t)bits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(const char *) = {try_size, try_count,     try_duration, try_range,
                                                  try_rate, try_delimiter, try_name,     try_units};
    struct fuzz_input input = {data, size};
    const uint8_t what = fuzz_byte(&input);
    const size_t length = input.left < TEXT_BYTES ? input.left : TEXT_BYTES;
    char *text = malloc(length + 1); /* of just its size, so that reading beyond it is found */
    fuzz_require(text != NULL, "no memory");
    memcpy(text, input.at, length);
    text[length] = '\0';
    tries[what % (sizeof(tries) / sizeof(tries[0]))](text);
    free(text);
    return 0;
}
