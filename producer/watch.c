/* SPDX-License-Identifier: MIT */
#include "producer/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { EVENTS_BYTES = 16 * 1024, PATH_BYTES = 32 };

#define CIFS_MAGIC 0xff534d42
#define SMB2_MAGIC 0xfe534d42
#define NINE_P_MAGIC 0x01021997
#define CEPH_MAGIC 0x00c36400
#define LUSTRE_MAGIC 0x0bd00bd0
#define GPFS_MAGIC 0x47504653

#define FILE_EVENTS (IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)
#define NAME_EVENTS (IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ATTRIB)
#define FOLDER_EVENTS (NAME_EVENTS | IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR)

int watch_open(struct watch *watch)
{
    watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    return watch->fd >= 0 ? 0 : -errno;
}

void watch_close(struct watch *watch)
{
    if (watch->fd >= 0)
        close(watch->fd);
    watch->fd = -1;
}

/* The kernel tells only what this host does, not what others write. */
static bool is_remote(const struct statfs *where)
{
    switch ((unsigned long)where->f_type & 0xffffffff) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case CIFS_MAGIC:
    case SMB2_MAGIC:
    case AFS_SUPER_MAGIC:
    case CODA_SUPER_MAGIC:
    case FUSE_SUPER_MAGIC:
    case NINE_P_MAGIC:
    case CEPH_MAGIC:
    case LUSTRE_MAGIC:
    case GPFS_MAGIC:
        return true;
    default:
        return false;
    }
}

static int add(const struct watch *watch, const char *path, uint32_t events, bool *complete)
{
    struct statfs where;
    *complete = false;
    if (watch->fd < 0)
        return -ENOSYS;
    const int id = inotify_add_watch(watch->fd, path, events);
    if (id < 0)
        return -errno;
    *complete = statfs(path, &where) != 0 || !is_remote(&where);
    return id;
}

int watch_file(const struct watch *watch, int fd, bool *complete)
{
    char path[PATH_BYTES];
    /* The open file itself: its path may lead to another one by now. */
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return add(watch, path, FILE_EVENTS, complete);
}

int watch_folder(const struct watch *watch, const char *path, bool *complete)
{
    return add(watch, path, FOLDER_EVENTS, complete);
}

void watch_remove(const struct watch *watch, int id)
{
    if (watch->fd >= 0 && id >= 0)
        inotify_rm_watch(watch->fd, id);
}

static void pass_on(const struct inotify_event *event, watch_visitor *visit, void *context)
{
    const bool is_folder = (event->mask & IN_ISDIR) != 0;
    if ((event->mask & IN_Q_OVERFLOW) != 0)
        visit(context, WATCH_MISSED, -1, NULL, false);
    else if ((event->mask & (IN_IGNORED | IN_UNMOUNT)) != 0)
        visit(context, WATCH_GONE, event->wd, NULL, false);
    else if (event->len > 0)
        visit(context, WATCH_NAME, event->wd, event->name, is_folder);
    else if ((event->mask & IN_MODIFY) != 0)
        visit(context, WATCH_WRITTEN, event->wd, NULL, false);
    else
        visit(context, WATCH_MOVED, event->wd, NULL, false);
}

void watch_read(const struct watch *watch, watch_visitor *visit, void *context)
{
    alignas(struct inotify_event) char buffer[EVENTS_BYTES];
    if (watch->fd < 0)
        return;
    for (;;) {
        const ssize_t got = read(watch->fd, buffer, sizeof(buffer));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return;
        for (size_t at = 0; at < (size_t)got;) {
            const struct inotify_event *event = (const void *)(buffer + at);
            pass_on(event, visit, context);
            at += sizeof(*event) + event->len;
        }
        if ((size_t)got < sizeof(buffer) / 2)
            return;
    }
}
