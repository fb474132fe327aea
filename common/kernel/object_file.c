/* SPDX-License-Identifier: MIT */
#include "common/kernel/object_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/kernel/fork_guard.h"
#include "common/kernel/sparse.h"

/* ------------------------------------------------------------------ the file */

/* Return: the descriptor of a plain file, with @st; -EPERM for any other kind; other system errors. */
static int open_plain(const char *path, struct stat *st)
{
    /* O_NONBLOCK: a FIFO must not block us. */
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENXIO ? -EPERM : -errno; /* ENXIO: a socket. System errors: -ENOENT, -EACCES, -EMFILE. */
    const int error = fstat(fd, st) != 0 ? -errno : !S_ISREG(st->st_mode) ? -EPERM : 0;
    if (error == 0)
        return fd;
    (void)close(fd);
    return error;
}

/* It is for display only, and may be damaged. */
static void take_name(struct object *object, const struct header *header)
{
    char name[NAME_BYTES];
    memcpy(name, header->name, sizeof(name));
    name[sizeof(name) - 1] = '\0';
    if (shmq_name_check(name) == 0)
        memcpy(object->queue, name, strlen(name) + 1);
}

static int read_header(struct object *object, int file)
{
    union header_copy copy;
    if (sparse_read(file, copy.bytes, sizeof(copy.bytes), 0) != sizeof(copy.bytes))
        return -EBADMSG;
    const int error = object_learn(object, &copy.header);
    if (error != 0)
        return error;
    take_name(object, &copy.header);
    /* Mappings begin at its pages, so they have to be whole pages here. */
    return object->geometry.parameters.page_bytes % (uint32_t)sysconf(_SC_PAGESIZE) == 0 ? 0 : -EPROTO;
}

/* ------------------------------------------------------------------ the private copy */

/* Stops where the file cannot be read, and says so in readable_bytes. */
static int copy_content(struct object *object, int file)
{
    const uint64_t all = object->geometry.object_bytes;
    const uint64_t end = object->file_bytes < all ? object->file_bytes : all;
    const int error = sparse_copy(file, object->fd, 0, end, &object->readable_bytes);
    return error == -ENOSPC ? -ENOMEM : error;
}

static int make_private(struct object *object)
{
    const uint64_t bytes = object->geometry.object_bytes;
    int error = object_check_size_limit(bytes);
    if (error != 0)
        return error;
    object->fd = fork_guard_take(memfd_create("shmq", MFD_CLOEXEC));
    if (object->fd < 0)
        return object->fd;
    return ftruncate(object->fd, (off_t)bytes) == 0 ? 0 : -errno; /* System errors: -ENOMEM. */
}

static int copy_file(struct object *object, int file)
{
    int error = read_header(object, file);
    if (error == 0)
        error = make_private(object);
    if (error == 0)
        error = copy_content(object, file);
    return error;
}

int object_open_file(struct object *object, const char *path)
{
    struct stat st = {0};
    const int file = open_plain(path, &st);
    if (file < 0)
        return file;
    *object = (struct object){.fd = -1,
                              .copy = true,
                              .file_bytes = (uint64_t)st.st_size,
                              .copy_reserved_bytes = (uint64_t)st.st_blocks * 512,
                              .device = st.st_dev,
                              .inode = st.st_ino,
                              .owner = st.st_uid,
                              .group = st.st_gid,
                              .mode = st.st_mode & 07777};
    const int error = copy_file(object, file);
    (void)close(file);
    if (error != 0)
        object_close(object);
    return error;
}
