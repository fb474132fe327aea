/* SPDX-License-Identifier: MIT */
#include "producer/followed_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/stop.h"

enum { PAGE = 4096 };

static int open_regular(const char *path, struct file_facts *facts)
{
    /* O_NONBLOCK: it may have become a FIFO meanwhile. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    int error = file_facts_of_open(fd, facts);
    if (error == 0 && !S_ISREG(facts->mode))
        error = S_ISDIR(facts->mode) ? -EISDIR : -EINVAL;
    if (error == 0)
        return fd;
    close(fd);
    return error;
}

int followed_file_open(struct followed_file **opened, const char *path, uint64_t offset)
{
    struct file_facts facts = {0};
    *opened = NULL;
    const int fd = open_regular(path, &facts);
    if (fd < 0)
        return fd;
    struct followed_file *file = calloc(1, sizeof(*file));
    char *copy = strdup(path);
    int error = file == NULL || copy == NULL ? -ENOMEM : 0;
    if (offset == UINT64_MAX)
        offset = facts.size;
    if (error == 0 && !file_read_mark(fd, offset, file->mark))
        error = -EINVAL;
    if (error != 0) {
        free(file);
        free(copy);
        close(fd);
        return error;
    }
    file->path = copy;
    file->fd = fd;
    file->watch = -1;
    file->identity = (struct file_identity){facts.device, facts.inode, facts.born_ns, 0, 0};
    file->offset = offset;
    file->size = facts.size;
    file->since_ns = file_time_ns();
    file->grown_ns = stop_now_ns();
    file->readable = true;
    file->chunk_bytes = FOLLOWED_CHUNK_BYTES;
    (void)file_identity_read_head(&file->identity, fd, offset);
    *opened = file;
    return 0;
}

int followed_file_open_same(struct followed_file **file, const char *path, const struct file_facts *facts,
                            uint64_t offset)
{
    const int error = followed_file_open(file, path, offset);
    if (error == -ENOENT || error == -EINVAL) {
        struct file_facts now;
        if (file_facts_of(path, &now) != 0 || now.inode != facts->inode || now.device != facts->device)
            return -ESTALE;
    }
    if (error != 0)
        return error;
    if (file_is_same(&(*file)->identity, facts))
        return 0;
    followed_file_free(*file);
    *file = NULL;
    return -ESTALE;
}

void followed_file_leave(struct followed_file *file)
{
    if (file->fd < 0)
        return;
    file->left_mark = followed_file_mark(file);
    close(file->fd);
    file->fd = -1;
    file->watch = -1;
    file->readable = false;
}

void followed_file_free(struct followed_file *file)
{
    followed_file_leave(file);
    free(file->path);
    free(file->first_path);
    free(file);
}

void followed_file_lose_name(struct followed_file *file)
{
    file->drained = false;
    file->readable = file->fd >= 0;
}

uint64_t followed_file_mark(const struct followed_file *file)
{
    return file->fd >= 0 ? file_sum(file->mark, file_mark_bytes(file->offset)) : file->left_mark;
}

struct follow_record followed_file_record(const struct followed_file *file)
{
    return (struct follow_record){
        .sequence = file->sequence,
        .name = file->name,
        .identity = file->identity,
        .offset = file->offset,
        .mark = followed_file_mark(file),
        .since_ns = file->since_ns,
        .size = file->size,
        .after_cut = file->after_cut,
    };
}

void followed_file_set_record(struct followed_file *file, const struct follow_record *record)
{
    file->sequence = record->sequence;
    file->name = record->name;
    file->since_ns = record->since_ns;
    file->after_cut = record->after_cut;
    if (record->size > file->size)
        file->size = record->size;
}

/*
 * A read of several pages is not one step: the file may be truncated and written anew in between. Then its mark is
 * not the same any more.
 */
static bool is_intact_after(const struct followed_file *file, size_t got)
{
    return (file->offset % PAGE + got <= PAGE && file_mark_bytes(file->offset) <= file->offset % PAGE) ||
           followed_file_is_intact(file);
}

int followed_file_read(struct followed_file *file, unsigned char *buffer, struct followed_data *data)
{
    const size_t marked = file_mark_bytes(file->offset);
    ssize_t got;
    do {
        got = pread(file->fd, buffer, marked + file->chunk_bytes, (off_t)(file->offset - marked));
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    if ((size_t)got < marked || memcmp(buffer, file->mark, marked) != 0)
        return -ESTALE;
    *data =
        (struct followed_data){buffer + marked, (size_t)got - marked, (size_t)got < marked + file->chunk_bytes};
    if (data->length > 0 && !is_intact_after(file, data->length))
        return -ESTALE;
    return 0;
}

bool followed_file_is_intact(const struct followed_file *file)
{
    unsigned char mark[FILE_MARK_BYTES];
    return file_read_mark(file->fd, file->offset, mark) &&
           memcmp(mark, file->mark, file_mark_bytes(file->offset)) == 0;
}

void followed_file_advance(struct followed_file *file, const unsigned char *end, size_t bytes)
{
    file->offset += bytes;
    const size_t marked = file_mark_bytes(file->offset);
    memcpy(file->mark, end - marked, marked);
}

void followed_file_restart(struct followed_file *file)
{
    file->offset = 0;
    file->size = 0;
    file->identity.head_length = 0;
    file->identity.head_sum = file_sum("", 0);
    file->readable = true;
    file->drained = false;
    file->after_cut = true;
    file->chunk_bytes = FOLLOWED_CHUNK_BYTES;
}
