/* SPDX-License-Identifier: MIT */
#include "monitor/message_ids.h"

#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"

/* Reads a number and the separator behind it. Return: what follows; NULL if it is not one. */
static const char *read_number(const char *text, const char *digits, int base, char end, uint64_t *number)
{
    char *after;
    const size_t length = strspn(text, digits);
    if (length == 0 || length > 20 || text[length] != end)
        return NULL;
    *number = strtoull(text, &after, base);
    return after + (end != '\0');
}

bool message_id_read(const char *text, struct message_id *id)
{
    uint64_t lane = 0;
    text = read_number(text, DIGITS "abcdef", 16, '-', &id->queue);
    if (text != NULL)
        text = read_number(text, DIGITS, 10, '-', &lane);
    if (text != NULL)
        text = read_number(text, DIGITS, 10, '\0', &id->position);
    if (text == NULL || lane > UINT32_MAX)
        return false;
    id->lane = (uint32_t)lane;
    return true;
}

bool message_id_is_of(const char *text, uint64_t queue, const struct shmq_message *message)
{
    struct message_id id;
    size_t bytes;
    size_t length;
    const char *headers = shmq_message_headers(message, &bytes);
    const char *kept = shmq_header_value(headers, bytes, "Shmq-Id", &length);
    if (kept != NULL && length == strlen(text) && memcmp(kept, text, length) == 0)
        return true;
    return message_id_read(text, &id) && id.queue == queue && id.lane == message->lane &&
           id.position == message->position;
}
