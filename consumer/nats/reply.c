/* SPDX-License-Identifier: MIT */
#include "consumer/nats/reply.h"

#include <string.h>

bool reply_init(struct reply *reply, const char *inbox)
{
    size_t length = strlen(inbox);

    if (length == 0 || length >= REPLY_INBOX_MAX)
        return false;
    memcpy(reply->text, inbox, length);
    reply->text[length] = '.';
    reply->inbox_length = length + 1;
    return true;
}

static char *write_number(char *to, uint64_t number)
{
    char digits[20];
    size_t count = 0;

    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0)
        *to++ = digits[--count];
    return to;
}

const char *reply_compose(struct reply *reply, uint64_t batch, size_t index)
{
    char *to = write_number(reply->text + reply->inbox_length, batch);

    *to++ = '.';
    *write_number(to, index) = '\0';
    return reply->text;
}

/* Reads a number without leading zeros that ends with @end. */
static bool read_number(const char **at, char end, uint64_t *number)
{
    const char *from = *at;

    for (*number = 0; **at >= '0' && **at <= '9'; ++*at) {
        uint64_t digit = (uint64_t)(**at - '0');

        if (*number > (UINT64_MAX - digit) / 10)
            return false;
        *number = *number * 10 + digit;
    }
    if (*at == from || (*from == '0' && *at > from + 1) || **at != end)
        return false;
    *at += end != '\0';
    return true;
}

bool reply_parse(const struct reply *reply, const char *subject, uint64_t batch, size_t count, size_t *index)
{
    const char *at = subject + reply->inbox_length;
    uint64_t other;
    uint64_t number;

    if (strncmp(subject, reply->text, reply->inbox_length) != 0)
        return false;
    if (!read_number(&at, '.', &other) || !read_number(&at, '\0', &number) || other != batch || number >= count)
        return false;
    *index = (size_t)number;
    return true;
}
