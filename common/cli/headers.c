/* SPDX-License-Identifier: MIT */
#include "common/cli/headers.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/shmq.h"

#define OURS "Shmq-"
#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

enum { REASON_BYTES = 200 };

/* A character of a token (RFC 9110). */
static bool is_token(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Bytes of the token that @line begins with. */
static size_t token_length(const char *line)
{
    size_t length = 0;
    while (is_token(line[length]))
        length++;
    return length;
}

bool headers_is_name(const char *name)
{
    const size_t length = token_length(name);
    return length > 0 && name[length] == '\0';
}

bool headers_is_ours(const char *line, size_t length)
{
    return length >= strlen(OURS) && strncasecmp(line, OURS, strlen(OURS)) == 0;
}

const char *headers_check(const char *line)
{
    const size_t name = token_length(line);
    if (name == 0 || line[name] != ':')
        return "not a header ('NAME: VALUE'; a name has letters, digits and -)";
    if (strpbrk(line, "\r\n") != NULL)
        return "not one line (a value has no line ends)";
    if (headers_is_ours(line, name))
        return "reserved (names that begin with Shmq- are the queue's own)";
    return NULL;
}

const char *headers_next_line(const char *headers, size_t bytes, size_t *at, size_t *length)
{
    if (headers == NULL || *at >= bytes)
        return NULL;
    const char *const line = headers + *at;
    const char *const newline = memchr(line, '\n', bytes - *at);
    *length = newline != NULL ? (size_t)(newline - line) : bytes - *at;
    *at += *length + 1;
    return line;
}

char *headers_time(char text[static HEADERS_TIME_BYTES], int64_t ns)
{
    const time_t seconds = (time_t)(ns / NS_PER_SECOND);
    struct tm utc;
    size_t used = 0;
    if (gmtime_r(&seconds, &utc) != NULL)
        used = strftime(text, HEADERS_TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(text + used, HEADERS_TIME_BYTES - used, ".%03dZ", (int)(ns % NS_PER_SECOND / NS_PER_MS));
    return text;
}

/* Adds a header. The value ends at its first line end. */
static size_t add(char *block, size_t used, const char *name, const char *value, size_t most)
{
    size_t length = strcspn(value, "\r\n");
    length = length < most ? length : most;
    return used +
           (size_t)snprintf(block + used, HEADERS_HISTORY_BYTES - used, "%s: %.*s\n", name, (int)length, value);
}

static size_t add_id(char *block, size_t used, const char *headers, size_t bytes, const char *fallback)
{
    size_t length;
    const char *const kept = shmq_header_value(headers, bytes, "Shmq-Id", &length);
    char id[SHMQ_ID_SIZE];
    if (kept == NULL || length == 0 || length >= sizeof(id))
        return add(block, used, "Shmq-Id", fallback, sizeof(id));
    memcpy(id, kept, length);
    id[length] = '\0';
    return add(block, used, "Shmq-Id", id, length);
}

/* Whether a line says where the message comes from, or is not ours: it stays, wherever the message goes. */
static bool stays(const char *line, size_t length)
{
    static const char *const origin[] = {"Shmq-File:", "Shmq-Offset:", "Shmq-Peer-Pid:", "Shmq-Peer-Uid:"};
    for (size_t i = 0; i < sizeof(origin) / sizeof(origin[0]); i++) {
        if (length >= strlen(origin[i]) && strncasecmp(line, origin[i], strlen(origin[i])) == 0)
            return true;
    }
    return !headers_is_ours(line, length);
}

/* Adds the lines that stay, as long as they fit. */
static size_t add_others(char *block, size_t used, const char *headers, size_t bytes)
{
    const char *line;
    size_t length;
    size_t at = 0;
    while ((line = headers_next_line(headers, bytes, &at, &length)) != NULL) {
        if (!stays(line, length) || length + 1 > SHMQ_HEADERS_MAX - used)
            continue;
        memcpy(block + used, line, length);
        block[used + length] = '\n';
        used += length + 1;
    }
    return used;
}

size_t headers_write_history(char *block, const char *headers, size_t bytes, const struct history *history)
{
    char attempts[12];
    char times[2][HEADERS_TIME_BYTES];
    (void)snprintf(attempts, sizeof(attempts), "%u", history->attempts);
    size_t used = add_id(block, 0, headers, bytes, history->id);
    used = add(block, used, "Shmq-Attempts", attempts, sizeof(attempts));
    used = add(block, used, "Shmq-Reason", history->reason, REASON_BYTES);
    used = add(block, used, "Shmq-First", headers_time(times[0], history->first_ns), HEADERS_TIME_BYTES);
    used = add(block, used, "Shmq-Last", headers_time(times[1], history->last_ns), HEADERS_TIME_BYTES);
    used = add(block, used, "Shmq-Queue", history->queue, SHMQ_NAME_MAX);
    return add_others(block, used, headers, bytes);
}

size_t headers_write_retried(char *block, const char *headers, size_t bytes)
{
    static const char *const kept = "Shmq-Id:";
    const char *line;
    size_t length;
    size_t at = 0;
    size_t used = 0;
    while ((line = headers_next_line(headers, bytes, &at, &length)) != NULL) {
        if (!stays(line, length) && strncasecmp(line, kept, strlen(kept)) != 0)
            continue;
        memcpy(block + used, line, length);
        block[used + length] = '\n';
        used += length + 1;
    }
    return used;
}
