/* SPDX-License-Identifier: MIT */
#include "supervisor/label.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *role_name(enum role role)
{
    return role == ROLE_PRODUCER ? "producer" : "consumer";
}

void label_name(char *name, enum role role, unsigned number)
{
    snprintf(name, NAME_BYTES, "%s.%u", role_name(role), number);
}

bool label_is_terminal(int descriptor)
{
    const char *terminal = getenv("TERM");
    return isatty(descriptor) != 0 && (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

static bool has_colours(int descriptor)
{
    const char *no_color = getenv("NO_COLOR");
    return (no_color == NULL || no_color[0] == '\0') && label_is_terminal(descriptor);
}

void label_make(char *label, enum role role, unsigned number, int descriptor)
{
    static const int colours[] = {32, 36, 33, 35, 34, 92, 96, 93, 95, 94};
    enum { COLOURS = sizeof(colours) / sizeof(colours[0]) };
    char name[NAME_BYTES];
    label_name(name, role, number);
    unsigned colour = number + (role == ROLE_CONSUMER ? COLOURS / 2 : 0);
    if (has_colours(descriptor))
        snprintf(label, LABEL_BYTES, "\033[%dm%s |\033[0m ", colours[colour % COLOURS], name);
    else
        snprintf(label, LABEL_BYTES, "%s | ", name);
}
