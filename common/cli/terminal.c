/* SPDX-License-Identifier: MIT */
#include "common/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS = 80 };

bool terminal_is_ours(int descriptor)
{
    const pid_t foreground = tcgetpgrp(descriptor); /* -1: not our controlling terminal, which has no jobs then */
    return foreground <= 0 || foreground == getpgrp();
}

size_t terminal_columns(int descriptor)
{
    struct winsize size;
    if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return COLUMNS;
    return size.ws_col;
}
