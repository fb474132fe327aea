/* SPDX-License-Identifier: MIT */
#include "consumer/result_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_BYTES 300
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

int result_folder_open(struct result_folder *folder, const char *path)
{
    folder->fd = -1;
    if (mkdir(path, 0777) < 0 && errno != EEXIST)
        return -errno;
    folder->fd = open(path, FOLDER_FLAGS);
    if (folder->fd < 0)
        return -errno;
    if (faccessat(folder->fd, ".", W_OK | X_OK, AT_EACCESS) < 0) {
        int error = -errno;

        result_folder_close(folder);
        return error;
    }
    return 0;
}

void result_folder_close(struct result_folder *folder)
{
    if (folder->fd >= 0)
        close(folder->fd);
    folder->fd = -1;
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Removes a folder with its files. Return: 0, also if there is none; a negative errno. */
static int remove_folder(int parent, const char *name)
{
    const int fd = openat(parent, name, FOLDER_FLAGS | O_NOFOLLOW);
    const struct dirent *entry;
    DIR *entries;

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    entries = fdopendir(fd);
    if (!entries) {
        close(fd);
        return -ENOMEM;
    }
    while ((entry = readdir(entries)) != NULL) {
        if (!is_dot(entry->d_name))
            (void)unlinkat(fd, entry->d_name, 0); /* what cannot be removed makes the next call fail */
    }
    closedir(entries);
    return unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* A captured_output_visitor. */
static int write_all(void *context, const void *data, size_t length)
{
    const unsigned char *from = data;
    const int fd = *(const int *)context;

    while (length > 0) {
        const ssize_t bytes = write(fd, from, length);

        if (bytes < 0 && errno == EINTR)
            continue;
        if (bytes < 0)
            return -errno;
        from += bytes;
        length -= (size_t)bytes;
    }
    return 0;
}

static int create_file(int parent, const char *name)
{
    const int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    return fd < 0 ? -errno : fd;
}

/* Some file systems report a full disk only here. */
static int close_file(int fd, int error)
{
    return close(fd) < 0 && error == 0 ? -errno : error;
}

static int store_output(int parent, const char *name, struct captured_output *output)
{
    int fd = create_file(parent, name);

    return fd < 0 ? fd : close_file(fd, captured_output_visit(output, write_all, &fd));
}

static int store_status(int parent, const struct attempt_record *record)
{
    char start[ATTEMPT_RECORD_TIME_BYTES];
    char runtime[ATTEMPT_RECORD_TIME_BYTES];
    int fd = create_file(parent, "status");
    char text[256];
    int length;

    if (fd < 0)
        return fd;
    length = snprintf(text, sizeof(text), "Exitval: %d\nSignal: %d\nAttempt: %u\nStarttime: %s\nJobRuntime: %s\n",
                      attempt_record_exit_value(record), attempt_record_signal(record), record->attempt,
                      attempt_record_seconds(start, record->start_ns),
                      attempt_record_seconds(runtime, record->runtime_ns));
    return close_file(fd, write_all(&fd, text, (size_t)length));
}

static int fill(const struct result_folder *folder, const char *name, const struct attempt_record *record,
                struct captured_output *output, struct captured_output *errors)
{
    int fd = openat(folder->fd, name, FOLDER_FLAGS);
    int result;

    if (fd < 0)
        return -errno;
    result = store_output(fd, "stdout", output);
    if (result == 0)
        result = store_output(fd, "stderr", errors);
    if (result == 0)
        result = store_status(fd, record);
    close(fd);
    return result;
}

/* Puts the new results in the place of the old ones, in one step where the file system can exchange names. */
static int replace(const struct result_folder *folder, const char *new, const char *name, const char *old)
{
    if (renameat(folder->fd, new, folder->fd, name) == 0)
        return 0;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return -errno;
    if (renameat2(folder->fd, new, folder->fd, name, RENAME_EXCHANGE) == 0)
        return remove_folder(folder->fd, new);
    if (remove_folder(folder->fd, old) < 0 || renameat(folder->fd, name, folder->fd, old) < 0 ||
        renameat(folder->fd, new, folder->fd, name) < 0)
        return -errno;
    return remove_folder(folder->fd, old);
}

int result_folder_store(const struct result_folder *folder, const struct attempt_record *record,
                        struct captured_output *output, struct captured_output *errors)
{
    char new[NAME_BYTES];
    char old[NAME_BYTES];
    int result;

    snprintf(new, sizeof(new), ".%s.new", record->id);
    snprintf(old, sizeof(old), ".%s.old", record->id);
    result = remove_folder(folder->fd, new); /* of a killed consumer */
    if (result == 0 && mkdirat(folder->fd, new, 0777) < 0)
        result = -errno;
    if (result == 0)
        result = fill(folder, new, record, output, errors);
    if (result == 0)
        return replace(folder, new, record->id, old);
    (void)remove_folder(folder->fd, new);
    return result;
}
