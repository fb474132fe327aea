/* SPDX-License-Identifier: MIT */
#include "tests/support/heard.h"

#include <check.h>
#include <string.h>

char heard[HEARD_BYTES];

void hear(const char *text, size_t bytes)
{
    const size_t used = strlen(heard);
    ck_assert_uint_lt(used + bytes, sizeof(heard));
    memcpy(heard + used, text, bytes);
    heard[used + bytes] = '\0';
}

void expect_heard(const char *text)
{
    ck_assert_msg(strstr(heard, text) != NULL, "\"%s\" is not in \"%s\"", text, heard);
}

void expect_not_heard(const char *text)
{
    ck_assert_msg(strstr(heard, text) == NULL, "\"%s\" is in \"%s\"", text, heard);
}
