/* SPDX-License-Identifier: MIT */
#include "consumer/batch_input.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Without a standard descriptor of its own, this process would get that for the file. */
static int above_standard(int fd)
{
    int above = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int error = -errno;

    close(fd);
    return above < 0 ? error : above;
}

int batch_input_open(struct batch_writer *writer, const struct shmq_message *messages, size_t count)
{
    int fd = memfd_create("batch", MFD_CLOEXEC);
    size_t done;
    int result;

    if (fd < 0)
        return -errno;
    if (fd <= STDERR_FILENO)
        fd = above_standard(fd);
    if (fd < 0)
        return fd;
    result = batch_write_at(writer, fd, 0, messages, count, &done);
    if (result == 0)
        return fd;
    close(fd);
    return result;
}
