/* SPDX-License-Identifier: MIT */
#include "producer/refused.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/cli/say.h"
#include "common/cli/units.h"

enum { EACH_UP_TO = 10 };

void refused_add(struct refused *refused, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    refused->count++;
    if (refused->count > EACH_UP_TO && refused->count < refused->told * 2)
        return;
    refused->told = refused->count;
    va_start(arguments, format);
    const int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (refused->count == 1)
        say_error("%s", length < 0 ? "out of memory" : text);
    else
        say_error("%s; %" PRIu64 " refused so far", length < 0 ? "out of memory" : text, refused->count);
    free(text);
}

void refused_report(struct refused *refused)
{
    if (refused->count > refused->told)
        say_error("%" PRIu64 " message%s refused in all", refused->count, refused->count == 1 ? " was" : "s were");
    refused->told = refused->count;
}
