/* SPDX-License-Identifier: MIT */
#include "consumer/environment.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/headers.h"

#define HEADER_PREFIX "SHMQ_HEADER_"

/* Whether a variable describes a message: one that this process inherited describes another one. */
static bool is_of_message(const char *entry)
{
    static const char *const names[] = {"SHMQ_QUEUE=", "SHMQ_ID=",    "SHMQ_ATTEMPT=", "SHMQ_REDELIVERED=",
                                        "SHMQ_LANE=",  "SHMQ_BATCH=", HEADER_PREFIX};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strncmp(entry, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

/* Takes over @entry, also in the case of an error. */
static int append(struct environment *environment, char *entry)
{
    if (environment->count + 1 >= environment->room) {
        size_t room = environment->room * 2 + 32;
        char **more = entry ? realloc(environment->entries, room * sizeof(*more)) : NULL;

        if (!more) {
            free(entry);
            return -ENOMEM;
        }
        environment->entries = more;
        environment->room = room;
    }
    if (!entry)
        return -ENOMEM;
    environment->entries[environment->count++] = entry;
    environment->entries[environment->count] = NULL;
    return 0;
}

int environment_init(struct environment *environment)
{
    size_t count = 0;

    while (environ[count])
        count++;
    *environment = (struct environment){.room = count + 32};
    environment->entries = calloc(environment->room, sizeof(*environment->entries));
    if (!environment->entries)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        if (!is_of_message(environ[i]))
            environment->entries[environment->inherited++] = environ[i];
    }
    environment->count = environment->inherited;
    return 0;
}

void environment_reset(struct environment *environment)
{
    while (environment->count > environment->inherited)
        free(environment->entries[--environment->count]);
    environment->entries[environment->count] = NULL;
}

void environment_free(struct environment *environment)
{
    if (environment->entries)
        environment_reset(environment);
    free(environment->entries);
    *environment = (struct environment){0};
}

int environment_add(struct environment *environment, const char *format, ...)
{
    char *entry = NULL;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vasprintf(&entry, format, arguments);
    va_end(arguments);
    return append(environment, length < 0 ? NULL : entry);
}

static char upper(char c)
{
    if (c >= 'a' && c <= 'z')
        return (char)(c - 'a' + 'A');
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
}

static bool is_there(const struct environment *environment, const char *entry, size_t name)
{
    for (size_t i = environment->inherited; i < environment->count; i++) {
        if (strncmp(environment->entries[i], entry, name + 1) == 0)
            return true;
    }
    return false;
}

static int add_header(struct environment *environment, const char *line, size_t length)
{
    const char *colon = memchr(line, ':', length);
    size_t name = colon ? (size_t)(colon - line) : length;
    size_t begin = name + 1;
    char *entry;

    while (begin < length && (line[begin] == ' ' || line[begin] == '\t'))
        begin++;
    while (length > begin && (line[length - 1] == ' ' || line[length - 1] == '\t'))
        length--;
    if (asprintf(&entry, HEADER_PREFIX "%.*s=%.*s", (int)name, line, begin < length ? (int)(length - begin) : 0,
                 line + (begin < length ? begin : 0)) < 0)
        return -ENOMEM;
    name += strlen(HEADER_PREFIX);
    for (size_t i = 0; i < name && entry[i] != '\0'; i++)
        entry[i] = upper(entry[i]);
    if (is_there(environment, entry, name)) {
        free(entry);
        return 0;
    }
    return append(environment, entry);
}

int environment_add_headers(struct environment *environment, const char *headers, size_t bytes)
{
    const char *line;
    size_t length;
    size_t at = 0;
    int result = 0;

    while (result == 0 && (line = headers_next_line(headers, bytes, &at, &length)) != NULL)
        result = add_header(environment, line, length);
    return result;
}
