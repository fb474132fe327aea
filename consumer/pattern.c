/* SPDX-License-Identifier: MIT */
#include "consumer/pattern.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool pattern_is_valid(const char *pattern)
{
    for (const char *at = strchr(pattern, '%'); at; at = strchr(at + 2, '%')) {
        if (at[1] != 'l' && at[1] != '%')
            return false;
    }
    return true;
}

bool pattern_has_lane(const char *pattern)
{
    for (const char *at = strchr(pattern, '%'); at; at = strchr(at + 2, '%')) {
        if (at[1] == 'l')
            return true;
    }
    return false;
}

int pattern_expand(const char *pattern, uint32_t lane, char *name, size_t size)
{
    size_t used = 0;

    while (*pattern != '\0' && used < size) {
        if (*pattern != '%') {
            name[used++] = *pattern++;
            continue;
        }
        if (pattern[1] == 'l')
            used += (size_t)snprintf(name + used, size - used, "%u", lane);
        else
            name[used++] = '%';
        pattern += 2;
    }
    if (used >= size)
        return -ENAMETOOLONG;
    name[used] = '\0';
    return 0;
}
