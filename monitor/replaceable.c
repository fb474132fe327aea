/* SPDX-License-Identifier: MIT */
#include "monitor/replaceable.h"

#include <sys/stat.h>

bool replaceable(const char *path)
{
    struct stat st;
    return stat(path, &st) != 0 || S_ISREG(st.st_mode);
}
