/* SPDX-License-Identifier: MIT */
#include "monitor/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/options.h"
#include "common/cli/say.h"

static int first_error; /* of flushing: what is printed later may fail for another reason, or for none */

bool output_flush(void)
{
    errno = 0;
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return true;
    if (first_error == 0)
        first_error = errno;
    return false;
}

int output_finish(void)
{
    if (output_flush())
        return EXIT_DONE;
    const int error = first_error;
    say_error("standard output: cannot be written: %s",
              error != 0 ? strerrordesc_np(error) : "an earlier write failed");
    return EXIT_FAILED;
}
