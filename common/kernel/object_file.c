/* SPDX-License-Identifier: MIT */
#include "common/kernel/object_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/kernel/fork_guard.h"

#define PIECE_BYTES (UINT64_C(1) << 20)
#define UNIT_BYTES 4096u /* zeros are left out in units of this size */

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

/* Return: how many bytes could be read before the file's end, or before an error. */
static uint64_t read_up_to(int fd, unsigned char *to, uint64_t bytes, uint64_t offset)
{
    uint64_t done = 0;
    while (done < bytes) {
        const ssize_t got = pread(fd, to + done, bytes - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done += (uint64_t)got;
    }
    return done;
}

static int read_header(struct object *object, int file)
{
    union header_copy copy;
    if (read_up_to(file, copy.bytes, sizeof(copy.bytes), 0) != sizeof(copy.bytes))
        return -EBADMSG;
    const int error = object_learn(object, &copy.header);
    if (error != 0)
        return error;
    /* Mappings begin at its pages, so they have to be whole pages here. */
    return object->geometry.parameters.page_bytes % (uint32_t)sysconf(_SC_PAGESIZE) == 0 ? 0 : -EPROTO;
}

/* ------------------------------------------------------------------ the private copy */

static bool is_zero(const unsigned char *at, uint64_t bytes)
{
    return at[0] == 0 && memcmp(at, at + 1, bytes - 1) == 0;
}

static int write_all(int fd, const unsigned char *from, uint64_t bytes, uint64_t offset)
{
    while (bytes > 0) {
        const ssize_t written = pwrite(fd, from, bytes, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return -ENOMEM;
        from += written;
        bytes -= (uint64_t)written;
        offset += (uint64_t)written;
    }
    return 0;
}

/* Writes the units that are not all zero, neighbours at once. */
static int write_units(int fd, const unsigned char *from, uint64_t bytes, uint64_t offset)
{
    uint64_t begin = 0; /* of those that are not written yet */
    int error = 0;
    for (uint64_t at = 0; error == 0 && at < bytes; at += UNIT_BYTES) {
        const uint64_t unit = bytes - at < UNIT_BYTES ? bytes - at : UNIT_BYTES;
        if (!is_zero(from + at, unit))
            continue;
        error = write_all(fd, from + begin, at - begin, offset + begin);
        begin = at + unit;
    }
    return error != 0 || begin >= bytes ? error : write_all(fd, from + begin, bytes - begin, offset + begin);
}

/* Where the next data begins at or after @offset; holes are zero in the copy anyway. */
static uint64_t next_data(int file, uint64_t offset, uint64_t end)
{
    const off_t found = lseek(file, (off_t)offset, SEEK_DATA);
    if (found < 0)
        return errno == ENXIO ? end : offset;
    const uint64_t at = (uint64_t)found - (uint64_t)found % UNIT_BYTES;
    return at > end ? end : at > offset ? at : offset;
}

/* Stops where the file cannot be read, and says so in readable_bytes. */
static int copy_content(struct object *object, int file)
{
    const uint64_t all = object->geometry.object_bytes;
    const uint64_t end = object->file_bytes < all ? object->file_bytes : all;
    unsigned char *piece = malloc(PIECE_BYTES);
    int error = piece == NULL ? -ENOMEM : 0;
    uint64_t offset = 0;
    while (error == 0 && (offset = next_data(file, offset, end)) < end) {
        const uint64_t wanted = end - offset < PIECE_BYTES ? end - offset : PIECE_BYTES;
        const uint64_t got = read_up_to(file, piece, wanted, offset);
        error = write_units(object->fd, piece, got, offset);
        offset += got;
        if (got < wanted)
            break;
    }
    free(piece);
    object->readable_bytes = offset;
    return error;
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
    struct stat st;
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
