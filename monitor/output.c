/* SPDX-License-Identifier: MIT */
#include "monitor/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/options.h"
#include "common/cli/say.h"

int output_finish(void)
{
    errno = 0;
    if (ferror(stdout) == 0 && fflush(stdout) == 0)
        return EXIT_DONE;
    say_error("standard output: cannot be written: %s",
              errno != 0 ? strerrordesc_np(errno) : "an earlier write failed");
    return EXIT_FAILED;
}
