/* SPDX-License-Identifier: MIT */
#include "consumer/attempt_record.h"

#include <stdio.h>
#include <sys/wait.h>

#define NS_PER_MS 1000000
#define MS_PER_SECOND 1000

int attempt_record_exit_value(const struct attempt_record *record)
{
    return WIFEXITED(record->status) ? WEXITSTATUS(record->status) : 0;
}

int attempt_record_signal(const struct attempt_record *record)
{
    return WIFSIGNALED(record->status) ? WTERMSIG(record->status) : 0;
}

char *attempt_record_seconds(char text[static ATTEMPT_RECORD_TIME_BYTES], int64_t ns)
{
    const long long ms = ns < 0 ? 0 : ns / NS_PER_MS;

    snprintf(text, ATTEMPT_RECORD_TIME_BYTES, "%lld.%03lld", ms / MS_PER_SECOND, ms % MS_PER_SECOND);
    return text;
}
