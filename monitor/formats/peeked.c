/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/headers.h"
#include "common/cli/units.h"
#include "monitor/formats/json_string.h"
#include "monitor/output.h"

/* ------------------------------------------------------------------ text */

/* Whatever a message contains, it neither controls a terminal nor looks like a line of this program. */
static void print_escaped(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)bytes[i];
        if (c == '\\')
            fputs("\\\\", stdout);
        else if (c == '\n')
            fputs("\\n", stdout);
        else if (c == '\t')
            fputs("\\t", stdout);
        else if (c < 0x20 || c >= 0x7f)
            printf("\\x%02x", c);
        else
            putchar(c);
    }
}

static void print_headers(const struct shmq_message *message)
{
    size_t bytes;
    size_t length;
    size_t at = 0;
    const char *line;
    const char *const headers = shmq_message_headers(message, &bytes);
    while ((line = headers_next_line(headers, bytes, &at, &length)) != NULL) {
        fputs("  ", stdout);
        print_escaped(line, length);
        putchar('\n');
    }
}

static const char *how_held(const struct shmq_peeked *peeked)
{
    if (peeked->in_copy == SHMQ_IN_COPY_UNKNOWN)
        return "taken by";
    return peeked->alive || peeked->in_copy == SHMQ_IN_COPY_ALIVE ? "in the hands of" : "left by";
}

static void print_holder(const struct shmq_peeked *peeked)
{
    if (!peeked->taken)
        return;
    if (peeked->aside) {
        char left[UNITS_SIZE];
        printf(", aside, due in %s", units_duration(left, peeked->aside_left_ns));
        return;
    }
    printf(", %s seat %" PRIu32, how_held(peeked), peeked->seat);
    if (peeked->pid != 0)
        printf(" (%s, pid %jd)", peeked->program, (intmax_t)peeked->pid);
}

void output_peeked_text(struct shmq *queue, const struct shmq_peeked *peeked)
{
    const struct shmq_message *message = peeked->message;
    char id[SHMQ_ID_SIZE];
    shmq_message_id(queue, message, id);
    printf("%s: lane %" PRIu32 ", %zu byte%s", id, message->lane, message->length, units_plural(message->length));
    if (message->attempts > 0)
        printf(", failed attempts: %" PRIu32, message->attempts);
    if (message->redelivered)
        fputs(", redelivered", stdout);
    print_holder(peeked);
    putchar('\n');
    print_headers(message);
    fputs("  | ", stdout);
    print_escaped(message->data, message->length);
    putchar('\n');
}

/* ------------------------------------------------------------------ JSON */

static void print_holder_json(const struct shmq_peeked *peeked)
{
    if (!peeked->taken) {
        fputs("null", stdout);
        return;
    }
    printf("{\"seat\": %" PRIu32 ", \"pid\": %jd, \"program\": ", peeked->seat, (intmax_t)peeked->pid);
    json_string(stdout, peeked->program);
    printf(", \"alive\": %s, \"held\": %s", peeked->alive ? "true" : "false", peeked->held ? "true" : "false");
    printf(", \"in_copy\": %" PRIu32 ", \"aside\": %s, \"aside_left_ns\": %" PRId64 "}", peeked->in_copy,
           peeked->aside ? "true" : "false", peeked->aside_left_ns);
}

void output_peeked_json(struct shmq *queue, const struct shmq_peeked *peeked)
{
    const struct shmq_message *message = peeked->message;
    char id[SHMQ_ID_SIZE];
    size_t length;
    const char *headers = shmq_message_headers(message, &length);
    shmq_message_id(queue, message, id);
    printf("{\"id\": \"%s\", \"lane\": %" PRIu32 ", \"position\": %" PRIu64
           ", \"length\": %zu, \"attempts\": %" PRIu32 ", \"redelivered\": %s, \"headers\": ",
           id, message->lane, message->position, message->length, message->attempts,
           message->redelivered ? "true" : "false");
    if (headers != NULL)
        json_string_of(stdout, headers, length);
    else
        fputs("null", stdout);
    fputs(", \"payload\": ", stdout);
    json_string_of(stdout, message->data, message->length);
    fputs(", \"holder\": ", stdout);
    print_holder_json(peeked);
    putchar('}');
}

/* ------------------------------------------------------------------ payload */

void output_peeked_raw(const struct shmq_peeked *peeked)
{
    (void)fwrite(peeked->message->data, 1, peeked->message->length, stdout);
}
