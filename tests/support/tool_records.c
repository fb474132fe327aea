/* SPDX-License-Identifier: MIT */
/*
 * Numbered records in a byte stream, of any framing: writes them, or finds out what is in a file that they were
 * written to.
 *
 *   tool_records make FRAMING COUNT MIN MAX     to stdout: COUNT records of MIN to MAX bytes
 *   tool_records check FRAMING COUNT MIN MAX    reads stdin to its end. Says how many are there more than once;
 * ends with 1, and says where, if anything else is in it or one is missing
 *
 * FRAMING is "length" (32-bit big-endian, before each), "line", "null", or "block" (nothing; MIN has to be MAX).
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES 8

struct records {
    const char *framing;
    unsigned long count;
    unsigned long min;
    unsigned long max;
};

static unsigned long size_of(const struct records *records, unsigned long number)
{
    return records->min + number * 7919 % (records->max - records->min + 1);
}

/* Letters only, so that no framing finds its delimiter in it. */
static void fill(unsigned char *record, unsigned long number, unsigned long size)
{
    char digits[NUMBER_BYTES + 1];

    snprintf(digits, sizeof(digits), "%08lu", number % 100000000);
    memcpy(record, digits, NUMBER_BYTES);
    for (unsigned long i = NUMBER_BYTES; i < size; i++)
        record[i] = (unsigned char)('a' + (number + i / 7) % 26);
}

static int end_of(const struct records *records)
{
    if (strcmp(records->framing, "line") == 0)
        return '\n';
    return strcmp(records->framing, "null") == 0 ? '\0' : EOF;
}

static bool has_length(const struct records *records)
{
    return strcmp(records->framing, "length") == 0;
}

static void put_length(unsigned long size)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        putchar((int)(size >> shift & 0xff));
}

static int make(const struct records *records, unsigned char *record)
{
    for (unsigned long number = 0; number < records->count; number++) {
        unsigned long size = size_of(records, number);

        fill(record, number, size);
        if (has_length(records))
            put_length(size);
        fwrite(record, 1, size, stdout);
        if (end_of(records) != EOF)
            putchar(end_of(records));
    }
    return fflush(stdout) == 0 ? 0 : 1;
}

/* Return: 1; 0 at the end of the file; -1 for anything else. */
static int read_record(const struct records *records, unsigned char *record, unsigned char *expected,
                       unsigned long *number)
{
    unsigned char length[4] = {0};
    char digits[NUMBER_BYTES + 1] = "";
    unsigned long size;
    char *end;
    int first = getchar();

    if (first == EOF)
        return 0;
    ungetc(first, stdin);
    if (has_length(records) && fread(length, 1, 4, stdin) != 4)
        return -1;
    if (fread(digits, 1, NUMBER_BYTES, stdin) != NUMBER_BYTES)
        return -1;
    *number = strtoul(digits, &end, 10);
    if (*end != '\0' || *number >= records->count)
        return -1;
    size = size_of(records, *number);
    if (has_length(records) && ((unsigned long)length[0] << 24 | (unsigned long)length[1] << 16 |
                                (unsigned long)length[2] << 8 | length[3]) != size)
        return -1;
    memcpy(record, digits, NUMBER_BYTES);
    if (fread(record + NUMBER_BYTES, 1, size - NUMBER_BYTES, stdin) != size - NUMBER_BYTES)
        return -1;
    fill(expected, *number, size);
    if (memcmp(record, expected, size) != 0)
        return -1;
    return end_of(records) == EOF || getchar() == end_of(records) ? 1 : -1;
}

static int check(const struct records *records, unsigned char *record, unsigned char *expected)
{
    unsigned char *seen = calloc(records->count, 1);
    unsigned long missing = 0;
    unsigned long twice = 0;
    unsigned long number;
    long offset = 0;
    int result;

    if (!seen)
        return 2;
    while ((result = read_record(records, record, expected, &number)) > 0) {
        twice += seen[number];
        seen[number] = 1;
        offset = ftell(stdin);
    }
    for (unsigned long i = 0; i < records->count; i++)
        missing += !seen[i];
    free(seen);
    if (result < 0)
        printf("no record at byte %ld\n", offset);
    if (missing > 0)
        printf("%lu missing\n", missing);
    printf("%lu twice\n", twice);
    return result < 0 || missing > 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct records records;
    unsigned char *record;
    int status;

    if (argc != 6)
        return 2;
    records = (struct records){argv[2], strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10),
                               strtoul(argv[5], NULL, 10)};
    if (records.min < NUMBER_BYTES || records.max < records.min)
        return 2;
    record = malloc(2 * records.max);
    if (!record)
        return 2;
    status = strcmp(argv[1], "make") == 0 ? make(&records, record) : check(&records, record, record + records.max);
    free(record);
    return status;
}
