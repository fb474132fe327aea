/* SPDX-License-Identifier: MIT */
#include <sys/resource.h>

#include "common/cli/units.h"
#include "monitor/doctor/doctor.h"

/* What a queue of the default sizes takes. */
#define OBJECT_BYTES (UINT64_C(1) << 30)
#define FILES 64u

struct limit {
    __rlimit_resource_t resource;
    const char *check;
    uint64_t least;
    const char *remedy;
    const char *text; /* with the present value */
};

static const struct limit limits[] = {
    {RLIMIT_FSIZE, "limit-fsize", OBJECT_BYTES, "'ulimit -f unlimited'",
     "files may have at most %s (ulimit -f): a queue of the default sizes is larger, although most of it takes no "
     "memory"},
    {RLIMIT_AS, "limit-as", OBJECT_BYTES, "'ulimit -v unlimited'",
     "a process may have at most %s of addresses (ulimit -v): mapping a queue may fail"},
};

/* Return: whether it is low. */
static bool say_if_low(struct doctor *doctor, const struct limit *limit)
{
    char text[UNITS_SIZE];
    struct rlimit now;
    if (getrlimit(limit->resource, &now) != 0 || now.rlim_cur == RLIM_INFINITY || now.rlim_cur >= limit->least)
        return false;
    units_memory(text, now.rlim_cur);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    doctor_say(doctor, VERDICT_WARNING, "machine", limit->check, limit->remedy, limit->text, text);
#pragma GCC diagnostic pop
    return true;
}

void doctor_limits(struct doctor *doctor)
{
    struct rlimit files;
    bool low = false;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        low = say_if_low(doctor, &limits[i]) || low;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES) {
        doctor_say(doctor, VERDICT_WARNING, "machine", "limit-nofile", "'ulimit -n 1024'",
                   "a process may have %ju file%s open (ulimit -n)", (uintmax_t)files.rlim_cur,
                   units_plural(files.rlim_cur));
        low = true;
    }
    if (!low)
        doctor_say(doctor, VERDICT_OK, "machine", "limits", NULL,
                   "file sizes, addresses and files are not limited too low");
}
