/* SPDX-License-Identifier: MIT */
#include "producer/nats/header_copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cli/headers.h"
#include "common/shmq.h"

#define EXPECTED "Nats-Expected-"
#define ORDER "Shmq-Order" /* of consumer --to */
#define OTHER_ID "Nats-Msg-Id"
#define OUR_ID "Shmq-Id"
#define SUBJECT "Shmq-Subject"
#define SEQUENCE "Shmq-Sequence"

enum { QUEUE_DIGITS = 16 };

void header_copy_clear(struct header_copy *copy)
{
    copy->used = 0;
}

void header_copy_free(struct header_copy *copy)
{
    free(copy->text);
    *copy = (struct header_copy){0};
}

/* A number of decimal digits, and @end behind it. Return: what follows; NULL: there is none. */
static const char *skip_number(const char *text, char end)
{
    const size_t digits = strspn(text, "0123456789");
    return digits > 0 && digits <= 20 && text[digits] == end ? text + digits + (end != '\0') : NULL;
}

bool header_copy_is_id(const char *text)
{
    if (strspn(text, "0123456789abcdef") != QUEUE_DIGITS || text[QUEUE_DIGITS] != '-')
        return false;
    const char *position = skip_number(text + QUEUE_DIGITS + 1, '-');
    return position != NULL && skip_number(position, '\0') != NULL && strlen(text) < SHMQ_ID_SIZE;
}

static bool make_room(struct header_copy *copy, size_t bytes)
{
    if (copy->size - copy->used >= bytes)
        return true;
    const size_t size = 2 * copy->size + bytes + 1024;
    char *larger = realloc(copy->text, size);
    if (larger == NULL)
        return false;
    copy->text = larger;
    copy->size = size;
    return true;
}

static bool add_line(struct header_copy *copy, const char *name, const char *value)
{
    const size_t name_length = strlen(name);
    const size_t value_length = strlen(value);
    if (!make_room(copy, name_length + value_length + 3))
        return false;
    char *at = mempcpy(copy->text + copy->used, name, name_length);
    at = mempcpy(at, ": ", 2);
    for (size_t i = 0; i < value_length; i++)
        *at++ = value[i] == '\r' || value[i] == '\n' ? ' ' : value[i];
    *at++ = '\n';
    copy->used = (size_t)(at - copy->text);
    return true;
}

/* The name under which a header goes on; NULL: it does not. */
static const char *name_here(natsMsg *message, const char *name, const char *value)
{
    const char *ours = NULL;
    if (strncasecmp(name, EXPECTED, strlen(EXPECTED)) == 0 || strcasecmp(name, ORDER) == 0)
        return NULL;
    if (strcasecmp(name, OTHER_ID) != 0 || !header_copy_is_id(value))
        return name;
    return natsMsgHeader_Get(message, OUR_ID, &ours) == NATS_OK ? NULL : OUR_ID;
}

static bool add_source(struct header_copy *copy, const natsMsg *message, uint64_t sequence)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, sequence);
    return add_line(copy, SUBJECT, natsMsg_GetSubject(message)) && add_line(copy, SEQUENCE, text);
}

static bool is_of_source(const char *name)
{
    return strcasecmp(name, SUBJECT) == 0 || strcasecmp(name, SEQUENCE) == 0;
}

static bool add_header(struct header_copy *copy, natsMsg *message, const char *name, uint64_t *left_out)
{
    const char **values = NULL;
    int count = 0;
    bool done = true;
    if (!headers_is_name(name)) {
        *left_out += 1;
        return true;
    }
    const natsStatus status = natsMsgHeader_Values(message, name, &values, &count);
    if (status != NATS_OK)
        return status != NATS_NO_MEMORY;
    for (int i = 0; i < count && done; i++) {
        const char *here = name_here(message, name, values[i]);
        done = here == NULL || add_line(copy, here, values[i]);
    }
    free(values);
    return done;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool header_copy_add(struct header_copy *copy, natsMsg *message, uint64_t sequence, size_t *begin, size_t *length,
                     uint64_t *left_out)
{
    const char **names = NULL;
    int count = 0;
    bool done = true;
    *begin = copy->used;
    const natsStatus status = natsMsgHeader_Keys(message, &names, &count);
    if (status == NATS_NO_MEMORY)
        return false;
    if (status != NATS_OK)
        count = 0;
    if (count > 1)
        qsort(names, (size_t)count, sizeof(*names), compare);
    if (sequence != 0)
        done = add_source(copy, message, sequence);
    for (int i = 0; i < count && done; i++)
        done = (sequence != 0 && is_of_source(names[i])) || add_header(copy, message, names[i], left_out);
    free(names);
    *length = copy->used - *begin;
    return done;
}
