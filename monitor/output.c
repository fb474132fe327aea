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
    /* After an earlier failed write, fflush tries again and sets errno. */
    int flushed = fflush(stdout);
    int error = errno;
    if (flushed == 0 && ferror(stdout) == 0)
        return EXIT_DONE;
    say_error("standard output: cannot be written: %s",
              error != 0 ? strerrordesc_np(error) : "an earlier write failed");
    return EXIT_FAILED;
}
