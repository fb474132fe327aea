/* SPDX-License-Identifier: MIT */
/* Lists the queues of this host. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/kernel/object.h"

/* Somebody who was stopped amid a creation must not hold up the list of all other queues for long. */
#define LIST_WAIT_NS INT64_C(100000000)

static const char prefix[] = "shmq.";

/* Return: 0 if it can be opened; otherwise why not. */
static int try_to_open(const char *name, mode_t type)
{
    struct object object;
    if (type != S_IFREG)
        return -EBADMSG;
    const int error = object_open_within(&object, name, LIST_WAIT_NS);
    if (error == 0)
        object_close(&object);
    return error;
}

/* Return: what the visitor returned; 0 if it is not a queue's object, or is gone. */
static int visit_file(int directory, const char *file, shmq_list_visitor *visit, void *context)
{
    struct stat st;
    if (strncmp(file, prefix, sizeof(prefix) - 1) != 0 || shmq_name_check(file + sizeof(prefix) - 1) != 0 ||
        fstatat(directory, file, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    const char *name = file + sizeof(prefix) - 1;
    const int error = try_to_open(name, st.st_mode & S_IFMT);
    if (error != 0 && fstatat(directory, file, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return 0; /* removed meanwhile */
    const struct shmq_listed listed = {
        .size = sizeof(listed),
        .name = name,
        .owner = st.st_uid,
        .group = st.st_gid,
        .mode = st.st_mode & 07777,
        .error = error,
    };
    return visit(context, &listed);
}

int shmq_list(shmq_list_visitor *visit, void *context)
{
    if (visit == NULL)
        return -EINVAL;
    DIR *directory = opendir("/dev/shm");
    if (directory == NULL)
        return errno == ENOENT ? -ENOSYS : -errno; /* System errors: -EACCES, -EMFILE, -ENOMEM. */
    int result = 0;
    while (result == 0) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL) {
            result = -errno;
            break;
        }
        result = visit_file(dirfd(directory), entry->d_name, visit, context);
    }
    (void)closedir(directory);
    return result;
}
