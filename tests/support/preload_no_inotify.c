/* SPDX-License-Identifier: MIT */
/* Preloaded into a program: the user has used up all inotify instances. */
#include <errno.h>

int inotify_init1(int flags);

int inotify_init1(int flags)
{
    (void)flags;
    errno = EMFILE;
    return -1;
}
