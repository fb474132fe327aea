/* SPDX-License-Identifier: MIT */
#include "common/cli/sentence.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/cli/units.h"

void sentence_add(struct sentence *sentence, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int more =
        vsnprintf(sentence->text + sentence->length, sentence->size - sentence->length, format, arguments);
    va_end(arguments);
    if (more > 0)
        sentence->length += (size_t)more;
    if (sentence->length >= sentence->size)
        sentence->length = sentence->size - 1;
}

void sentence_add_count(struct sentence *sentence, uint64_t count, const char *noun, const char *one,
                        const char *many)
{
    sentence_add(sentence, "%" PRIu64 " %s%s %s", count, noun, units_plural(count), count == 1 ? one : many);
}
