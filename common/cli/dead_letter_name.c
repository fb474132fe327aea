/* SPDX-License-Identifier: MIT */
#include "common/cli/dead_letter_name.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ENDING ".dead"

static bool has_ending(const char *name)
{
    const size_t length = strlen(name);
    return length >= strlen(ENDING) && strcmp(name + length - strlen(ENDING), ENDING) == 0;
}

const char *dead_letter_name(const char *queue, const char *given, char *text)
{
    if (given != NULL)
        return strcmp(given, "none") == 0 ? NULL : given;
    if (has_ending(queue))
        return NULL;
    (void)snprintf(text, DEAD_LETTER_NAME_BYTES, "%s" ENDING, queue);
    return text;
}
