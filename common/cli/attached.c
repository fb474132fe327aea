/* SPDX-License-Identifier: MIT */
#include "common/cli/attached.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct attached {
    unsigned count;
    unsigned stopped;
};

/*
 * Whether /proc reports the process as stopped. The program's name has to match, because the pid may belong to
 * another process here: in a container, or after the pid was reused.
 */
static bool is_stopped(pid_t pid, const char *program)
{
    char path[32];
    char stat[256];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t length = read(fd, stat, sizeof(stat) - 1);
    close(fd);
    stat[length > 0 ? length : 0] = '\0';
    /* "PID (NAME) STATE ...", where the name may hold anything. */
    const char *name = strchr(stat, '(');
    const char *end = strrchr(stat, ')');
    return name != NULL && end != NULL && end[1] == ' ' && (end[2] == 'T' || end[2] == 't') &&
           strncmp(name + 1, program, strlen(program)) == 0;
}

static void count(struct attached *attached, bool alive, pid_t pid, const char *program)
{
    if (!alive)
        return;
    attached->count++;
    attached->stopped += is_stopped(pid, program);
}

static char *describe(const struct attached *attached, const char *role, char *text)
{
    const char *stopped = attached->count == 0 || attached->stopped < attached->count ? ""
                          : attached->count == 1                                      ? ", but stopped"
                                                                                      : ", all stopped";
    if (attached->count == 0)
        snprintf(text, ATTACHED_BYTES, "no %s is attached", role);
    else if (attached->count == 1)
        snprintf(text, ATTACHED_BYTES, "1 %s is attached%s", role, stopped);
    else
        snprintf(text, ATTACHED_BYTES, "%u %ss are attached%s", attached->count, role, stopped);
    return text;
}

char *attached_consumers(struct shmq *queue, char text[static ATTACHED_BYTES])
{
    struct shmq_info info = SHMQ_INFO_INIT;
    struct attached attached = {0};
    if (shmq_info(queue, &info) != 0)
        info.seats = 0;
    for (uint32_t i = 0; i < info.seats; i++) {
        struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
        (void)shmq_stat_seat(queue, i, &seat); /* damage does not matter here */
        count(&attached, seat.alive, seat.pid, seat.program);
    }
    return describe(&attached, "consumer", text);
}

char *attached_producers(struct shmq *queue, char text[static ATTACHED_BYTES])
{
    struct shmq_info info = SHMQ_INFO_INIT;
    struct attached attached = {0};
    if (shmq_info(queue, &info) != 0)
        info.lanes = 0;
    for (uint32_t i = 0; i < info.lanes; i++) {
        struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
        (void)shmq_stat_lane(queue, i, &lane);
        count(&attached, lane.alive, lane.pid, lane.program);
    }
    return describe(&attached, "producer", text);
}
