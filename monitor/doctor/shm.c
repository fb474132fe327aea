/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/cli/units.h"
#include "monitor/doctor/doctor.h"

#define FOLDER "/dev/shm"
#define DOCKER_BYTES (UINT64_C(64) << 20)
#define FULL_PERCENT 90u
#define FEW_FILES 64u

static const char enlarge[] = "'mount -o remount,size=SIZE /dev/shm', or 'docker run --shm-size=SIZE'";

/* What a lane of the capacity takes, about: each cell of 64 bytes has 28 bytes of words and times. */
static uint64_t lane_bytes(uint64_t capacity_bytes)
{
    return capacity_bytes + capacity_bytes / 64 * 28 + capacity_bytes / 128;
}

struct needs {
    size_t count;
    uint64_t taken;      /* memory that the queues occupy */
    uint64_t more;       /* that they would occupy besides with all lanes and seats in use */
    uint64_t next;       /* the largest need of one more producer */
    const char *next_of; /* of this queue */
};

static struct needs add_needs(const struct snapshots *queues)
{
    struct needs needs = {0};
    for (size_t i = 0; i < queues->count; i++) {
        const struct shmq_stat *stat = &queues->items[i].stat;
        if (!queues->items[i].opened)
            continue;
        needs.count++;
        needs.taken += stat->reserved_bytes;
        needs.more += stat->object_bytes > stat->reserved_bytes ? stat->object_bytes - stat->reserved_bytes : 0;
        if (stat->lanes_used < stat->lanes && lane_bytes(stat->capacity_bytes) > needs.next) {
            needs.next = lane_bytes(stat->capacity_bytes);
            needs.next_of = queues->items[i].name;
        }
    }
    return needs;
}

static void say_access(struct doctor *doctor, const struct statvfs *fs)
{
    struct stat st;
    if ((fs->f_flag & ST_RDONLY) != 0)
        doctor_say(doctor, VERDICT_FAILURE, "machine", "shm-access", "'mount -o remount,rw /dev/shm'",
                   FOLDER " is mounted read-only: no queue can be made or used");
    else if (access(FOLDER, W_OK | X_OK) != 0)
        doctor_say(doctor, VERDICT_FAILURE, "machine", "shm-access", "'chmod 1777 /dev/shm'",
                   FOLDER " may not be written by this user: no queue can be made, and sleeps last a tick");
    else if (stat(FOLDER, &st) == 0 && (st.st_mode & 01002) == 0002)
        doctor_say(doctor, VERDICT_WARNING, "machine", "shm-access", "'chmod +t /dev/shm'",
                   "anybody may delete other users' queues in " FOLDER);
    else
        doctor_say(doctor, VERDICT_OK, "machine", "shm-access", NULL, FOLDER " is there and writable");
}

static void say_size(struct doctor *doctor, uint64_t total, uint64_t free_bytes)
{
    char texts[2][UNITS_SIZE];
    const uint64_t percent = total > 0 ? 100 - free_bytes * 100 / total : 0;
    units_memory(texts[0], free_bytes);
    units_memory(texts[1], total);
    if (total > 0 && total <= DOCKER_BYTES)
        doctor_say(doctor, VERDICT_WARNING, "machine", "shm-size", enlarge,
                   FOLDER " has %s, as Docker gives it; a lane of the default size takes 12 MiB", texts[1]);
    else
        doctor_say(doctor, VERDICT_OK, "machine", "shm-size", NULL, FOLDER " has %s", texts[1]);
    if (total > 0 && percent >= FULL_PERCENT)
        doctor_say(doctor, VERDICT_WARNING, "machine", "shm-fill",
                   "remove queues that nobody needs, or 'mount -o remount,size=SIZE /dev/shm'",
                   FOLDER " is %" PRIu64 " %% full: %s are free", percent, texts[0]);
    else
        doctor_say(doctor, VERDICT_OK, "machine", "shm-fill", NULL, "%s of it are free", texts[0]);
}

static void say_needs(struct doctor *doctor, const struct snapshots *queues, uint64_t free_bytes)
{
    char texts[3][UNITS_SIZE];
    const struct needs needs = add_needs(queues);
    units_memory(texts[0], needs.taken);
    units_memory(texts[1], needs.more);
    units_memory(texts[2], needs.next);
    if (needs.count == 0)
        return;
    if (needs.next > free_bytes)
        doctor_say(doctor, VERDICT_WARNING, "machine", "shm-need", enlarge,
                   "one more producer of queue '%s' may find no room: its lane takes up to %s", needs.next_of,
                   texts[2]);
    else
        doctor_say(doctor, VERDICT_OK, "machine", "shm-need", NULL,
                   "%zu queue%s take%s %s, and would take %s more with all lanes and seats in use%s", needs.count,
                   units_plural(needs.count), needs.count == 1 ? "s" : "", texts[0], texts[1],
                   needs.more > free_bytes ? ", for which there is no room" : "");
}

void doctor_shm(struct doctor *doctor, const struct snapshots *queues)
{
    struct statvfs fs;
    if (statvfs(FOLDER, &fs) != 0) {
        doctor_say(doctor, VERDICT_FAILURE, "machine", "shm-access", "'mount -t tmpfs tmpfs /dev/shm'",
                   FOLDER ": %s", strerrordesc_np(errno));
        return;
    }
    const uint64_t unit = fs.f_frsize;
    const uint64_t free_bytes = (geteuid() == 0 ? fs.f_bfree : fs.f_bavail) * unit;
    say_access(doctor, &fs);
    say_size(doctor, fs.f_blocks * unit, free_bytes);
    say_needs(doctor, queues, free_bytes);
    if (fs.f_files > 0 && fs.f_ffree < FEW_FILES)
        doctor_say(doctor, VERDICT_WARNING, "machine", "shm-files", "'mount -o remount,nr_inodes=N /dev/shm'",
                   FOLDER " has room for %ju more file%s; a queue has some for its semaphores",
                   (uintmax_t)fs.f_ffree, units_plural(fs.f_ffree));
}
