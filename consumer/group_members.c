/* SPDX-License-Identifier: MIT */
#include "consumer/group_members.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STAT_BYTES = 512 }; /* of /proc/PID/stat, up to the group */

/* @text: of /proc/PID/stat, "PID (NAME) STATE PARENT GROUP ...", where NAME may contain anything. */
static bool runs_in(const char *text, pid_t group)
{
    const char *rest = strrchr(text, ')');
    char state;
    int number;

    if (!rest || sscanf(rest + 1, " %c %*d %d", &state, &number) != 2)
        return false;
    return number == group && state != 'Z' && state != 'X';
}

static bool process_runs_in(int proc, const char *pid, pid_t group)
{
    char path[sizeof("/stat") + 32];
    char text[STAT_BYTES];
    ssize_t bytes;
    int fd;

    snprintf(path, sizeof(path), "%.31s/stat", pid);
    fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bytes = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[bytes > 0 ? bytes : 0] = '\0';
    return runs_in(text, group);
}

bool group_has_members(pid_t group)
{
    DIR *proc = opendir("/proc");
    bool found = false;

    if (!proc)
        return false;
    for (const struct dirent *entry = readdir(proc); entry && !found; entry = readdir(proc)) {
        if (isdigit((unsigned char)entry->d_name[0]))
            found = process_runs_in(dirfd(proc), entry->d_name, group);
    }
    closedir(proc);
    return found;
}
