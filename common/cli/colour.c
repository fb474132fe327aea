/* SPDX-License-Identifier: MIT */
#include "common/cli/colour.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool colour_is_terminal(int descriptor)
{
    const char *terminal = getenv("TERM");
    return isatty(descriptor) != 0 && (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

bool colour_wanted(int descriptor)
{
    const char *no_color = getenv("NO_COLOR");
    return (no_color == NULL || no_color[0] == '\0') && colour_is_terminal(descriptor);
}

const char *colour_code(bool wanted, enum colour colour)
{
    static const char *const codes[] = {
        [COLOUR_PLAIN] = "\033[0m",    [COLOUR_HEAD] = "\033[1m", [COLOUR_GOOD] = "\033[32m",
        [COLOUR_WARNING] = "\033[33m", [COLOUR_BAD] = "\033[31m", [COLOUR_FAINT] = "\033[2m",
    };
    return wanted ? codes[colour] : "";
}
