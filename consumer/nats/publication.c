/* SPDX-License-Identifier: MIT */
#include "consumer/nats/publication.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cli/headers.h"

static const char placeholder[] = "{lane}";

/* The first line of a header block, the empty one behind it, and what stands around each name and value. */
enum { FRAME_BYTES = 12, LINE_BYTES = 4 };

#define ID_NAME "Nats-Msg-Id"
#define EXPECTED_NAME "Nats-Expected-Last-Msg-Id"
#define ORDER_NAME "Shmq-Order"
#define ORDER_VALUE "strict"

int publication_init(struct publication *publication, const char *pattern)
{
    *publication = (struct publication){.pattern = pattern, .block = malloc(SHMQ_HEADERS_MAX + 1)};
    return publication->block ? 0 : -ENOMEM;
}

void publication_free(struct publication *publication)
{
    free(publication->block);
    publication->block = NULL;
}

/* Replaces each {lane}. */
static void fill_in(const char *pattern, const char *text, char subject[static PUBLICATION_SUBJECT_BYTES])
{
    size_t used = 0;
    const char *found;

    for (; (found = strstr(pattern, placeholder)); pattern = found + sizeof(placeholder) - 1) {
        int length = snprintf(subject + used, PUBLICATION_SUBJECT_BYTES - used, "%.*s%s", (int)(found - pattern),
                              pattern, text);

        used += (size_t)length;
        if (used >= PUBLICATION_SUBJECT_BYTES)
            return;
    }
    snprintf(subject + used, PUBLICATION_SUBJECT_BYTES - used, "%s", pattern);
}

const char *publication_subject(struct publication *publication, uint32_t lane)
{
    char number[16];

    if (publication->composed && publication->lane == lane)
        return publication->subject;
    snprintf(number, sizeof(number), "%u", lane);
    fill_in(publication->pattern, number, publication->subject);
    publication->lane = lane;
    publication->composed = true;
    return publication->subject;
}

void publication_wildcard(const char *pattern, char subject[static PUBLICATION_SUBJECT_BYTES])
{
    const char *at = pattern;
    size_t used = 0;

    subject[0] = '\0';
    for (;;) {
        size_t length = strcspn(at, ".");
        bool any = memmem(at, length, placeholder, sizeof(placeholder) - 1) != NULL;

        used += (size_t)snprintf(subject + used, PUBLICATION_SUBJECT_BYTES - used, "%.*s", any ? 1 : (int)length,
                                 any ? "*" : at);
        if (at[length] == '\0' || used + 1 >= PUBLICATION_SUBJECT_BYTES)
            return;
        subject[used++] = '.';
        at += length + 1;
    }
}

/* Whether a header would be an order to the server ("Nats-Rollup: all" empties a stream), or is one that we add.
 */
static bool is_order(const char *name, size_t length)
{
    return (length >= 5 && strncasecmp(name, "Nats-", 5) == 0) ||
           (length == strlen(ORDER_NAME) && strncasecmp(name, ORDER_NAME, length) == 0);
}

/* The length of a name in a line "Name: value". */
static size_t name_length(const char *line, size_t length)
{
    const char *colon = memchr(line, ':', length);

    return colon ? (size_t)(colon - line) : length;
}

size_t publication_length(const struct shmq_message *message, const char *id, const char *expected)
{
    size_t bytes = message->length + FRAME_BYTES + LINE_BYTES + strlen(ID_NAME) + strlen(id);
    size_t headers_length;
    const char *headers = shmq_message_headers(message, &headers_length);
    const char *line;
    size_t length;

    if (expected && *expected)
        bytes += LINE_BYTES + strlen(EXPECTED_NAME) + strlen(expected);
    else if (expected)
        bytes += LINE_BYTES + strlen(ORDER_NAME) + strlen(ORDER_VALUE);
    for (size_t at = 0; headers && (line = headers_next_line(headers, headers_length, &at, &length));)
        if (!is_order(line, name_length(line, length)))
            bytes += length + LINE_BYTES;
    return bytes;
}

/* Cuts a line into a name and a value, without the blanks around it. */
static natsStatus add_line(natsMsg *message, char *line, size_t length)
{
    size_t name = name_length(line, length);
    char *value = line + name + (name < length);
    char *end = line + length;

    if (name == 0 || is_order(line, name))
        return NATS_OK;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = '\0'; /* at most where the newline was */
    line[name] = '\0';
    return natsMsgHeader_Add(message, line, value);
}

static natsStatus add_own_headers(struct publication *publication, natsMsg *message,
                                  const struct shmq_message *from)
{
    natsStatus status = NATS_OK;
    size_t bytes;
    size_t length;
    const char *headers = shmq_message_headers(from, &bytes);

    if (!headers || bytes > SHMQ_HEADERS_MAX)
        return NATS_OK;
    memcpy(publication->block, headers, bytes);
    for (size_t at = 0; status == NATS_OK;) {
        const char *line = headers_next_line(publication->block, bytes, &at, &length);

        if (!line)
            break;
        status = add_line(message, publication->block + (line - publication->block), length);
    }
    return status;
}

natsStatus publication_send(struct publication *publication, natsConnection *nats,
                            const struct shmq_message *message, const char *reply, const char *id,
                            const char *expected)
{
    const char *subject = publication_subject(publication, message->lane);
    natsMsg *composed = NULL;
    natsStatus status = natsMsg_Create(&composed, subject, reply, message->data, (int)message->length);

    if (status == NATS_OK && message->headers_length > 0)
        status = add_own_headers(publication, composed, message);
    if (status == NATS_OK)
        status = natsMsgHeader_Set(composed, ID_NAME, id);
    if (status == NATS_OK && expected)
        status = *expected ? natsMsgHeader_Set(composed, EXPECTED_NAME, expected)
                           : natsMsgHeader_Set(composed, ORDER_NAME, ORDER_VALUE);
    if (status == NATS_OK)
        status = natsConnection_PublishMsg(nats, composed);
    natsMsg_Destroy(composed);
    return status;
}
