/* SPDX-License-Identifier: MIT */
#include "monitor/formats/json_string.h"

#include <string.h>

void json_string(FILE *out, const char *text)
{
    json_string_of(out, text, strlen(text));
}

void json_string_of(FILE *out, const char *bytes, size_t length)
{
    putc('"', out);
    for (size_t i = 0; i < length; i++) {
        const unsigned char byte = (unsigned char)bytes[i];
        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte < 0x20 || byte >= 0x7f)
            fprintf(out, "\\u%04x", byte);
        else
            putc(byte, out);
    }
    putc('"', out);
}
