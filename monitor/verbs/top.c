/* SPDX-License-Identifier: MIT */
/* The monitor itself is linked to libc only: for top it becomes monitor-top, which has monitor/top/ in this place.
 */
#include "common/cli/sibling_program.h"
#include "monitor/verbs/verbs.h"

int verb_top(const struct options *options)
{
    static const struct sibling_program top = {"top", "-top", "ncurses", "libncurses-dev pkg-config"};
    sibling_program_become(&top, options->arguments);
}
