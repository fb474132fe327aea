/* SPDX-License-Identifier: MIT */
#include "supervisor/label.h"

#include <stdio.h>

#include "common/cli/colour.h"

static const char *role_name(enum role role)
{
    return role == ROLE_PRODUCER ? "producer" : "consumer";
}

void label_name(char *name, enum role role, unsigned number)
{
    snprintf(name, NAME_BYTES, "%s.%u", role_name(role), number);
}

void label_make(char *label, enum role role, unsigned number, int descriptor)
{
    static const int colours[] = {32, 36, 33, 35, 34, 92, 96, 93, 95, 94};
    enum { COLOURS = sizeof(colours) / sizeof(colours[0]) };
    char name[NAME_BYTES];
    label_name(name, role, number);
    unsigned colour = number + (role == ROLE_CONSUMER ? COLOURS / 2 : 0);
    if (colour_wanted(descriptor))
        snprintf(label, LABEL_BYTES, "\033[%dm%s |\033[0m ", colours[colour % COLOURS], name);
    else
        snprintf(label, LABEL_BYTES, "%s | ", name);
}
