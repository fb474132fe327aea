/* SPDX-License-Identifier: MIT */
#include "producer/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* How often, every 10 ms, the lock of the folder is tried. */
enum { LOCK_TRIES = 200 };
#define LOCK_PAUSE_NS 10000000L

_Static_assert(LISTEN_PATH_MAX == sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1,
               "as long as the kernel takes");

static enum flow fail(const struct listen_address *address, struct publisher *publisher, const char *why,
                      const char *advice)
{
    return publisher_fail(publisher, EXIT_FAILED, "%s: cannot listen: %s (%s)", address->text, why, advice);
}

static enum flow fail_errno(const struct listen_address *address, struct publisher *publisher, int error)
{
    publisher->may_pass = error_may_pass(error);
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return fail(address, publisher, strerrordesc_np(error), "make its folder first");
    case EACCES:
    case EPERM:
    case EROFS:
        return fail(address, publisher, strerrordesc_np(error), "its folder has to be writable");
    default:
        return publisher_fail(publisher, EXIT_FAILED, "%s: cannot listen: %s", address->text,
                              strerrordesc_np(error));
    }
}

static int type_of(const struct listen_address *address)
{
    return (address->datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
}

static struct sockaddr_un socket_address(const struct listen_address *address)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strncpy(name.sun_path, address->path, sizeof(name.sun_path) - 1);
    return name;
}

/* Whether somebody listens there. Return: 0: nobody; -EADDRINUSE: somebody; another negative errno. */
static int probe(const struct listen_address *address)
{
    const struct sockaddr_un name = socket_address(address);
    const int fd = socket(AF_UNIX, type_of(address), 0);
    if (fd < 0)
        return -errno;
    const int error = connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0 ? 0 : errno;
    close(fd);
    if (error == ECONNREFUSED || error == ENOENT)
        return 0;
    /* EPROTOTYPE: a socket of another type; EAGAIN: more connections wait than it takes. */
    return error == 0 || error == EPROTOTYPE || error == EAGAIN ? -EADDRINUSE : -error;
}

/* Looks at what has the name. @stale receives whether it is the file of a socket whose listener is dead. */
static enum flow examine(const struct listen_address *address, struct publisher *publisher, bool *stale)
{
    struct stat st;
    *stale = false;
    if (lstat(address->path, &st) != 0)
        return errno == ENOENT ? FLOW_CONTINUE : fail_errno(address, publisher, errno);
    if (!S_ISSOCK(st.st_mode))
        return fail(address, publisher, "there is a file of that name that is not a socket", "give another name");
    const int error = probe(address);
    if (error == -EADDRINUSE)
        return fail(address, publisher, "another process listens there", "stop it, or give another name");
    if (error == -EACCES)
        return fail(address, publisher, "there is a socket that another user listens on, or has left",
                    "remove it, or give another name");
    if (error != 0)
        return fail_errno(address, publisher, -error);
    *stale = true;
    return FLOW_CONTINUE;
}

/* The folder of a path, open; -1 if it cannot be opened. */
static int open_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (folder == NULL)
        return -1;
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int error = errno;
    free(folder);
    errno = error;
    return fd;
}

/*
 * Two that start at once must not both find a stale file, or one would remove the other's new one. A folder that
 * cannot be locked (its lock is held by something else, or it is not readable) is used without.
 */
static int lock_folder(const char *path)
{
    const struct timespec pause = {0, LOCK_PAUSE_NS};
    const int fd = open_folder(path);
    for (int i = 0; fd >= 0 && i < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK; i++)
        nanosleep(&pause, NULL);
    return fd;
}

enum flow listener_check(const struct listen_address *address, struct publisher *publisher)
{
    bool stale;
    const int folder = open_folder(address->path);
    if (folder < 0 && errno != EACCES)
        return fail_errno(address, publisher, errno);
    const bool writable = folder < 0 || faccessat(folder, ".", W_OK | X_OK, AT_EACCESS) == 0;
    const int error = errno;
    if (folder >= 0)
        close(folder);
    return writable ? examine(address, publisher, &stale) : fail_errno(address, publisher, error);
}

/* Binds with the given permissions from the first moment on. */
static int bind_with_mode(struct listener *listener, int mode)
{
    const struct sockaddr_un name = socket_address(listener->address);
    const mode_t before = umask(0);
    if (mode < 0)
        umask(before);
    const bool failed = (mode >= 0 && fchmod(listener->fd, (mode_t)mode) != 0) ||
                        bind(listener->fd, (const struct sockaddr *)&name, sizeof(name)) != 0;
    const int error = failed ? errno : 0;
    umask(before);
    return -error;
}

static int make_socket(struct listener *listener, bool stale, int mode)
{
    const int on = 1;
    struct stat st;
    listener->fd = socket(AF_UNIX, type_of(listener->address), 0);
    if (listener->fd < 0)
        return -errno;
    if (listener->address->datagram && setsockopt(listener->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0)
        return -errno;
    if (stale && unlink(listener->address->path) != 0 && errno != ENOENT)
        return -errno;
    const int error = bind_with_mode(listener, mode);
    if (error != 0)
        return error;
    if (lstat(listener->address->path, &st) == 0) {
        listener->dev = st.st_dev;
        listener->ino = st.st_ino;
        listener->has_file = true;
    }
    if (!listener->address->datagram && listen(listener->fd, SOMAXCONN) != 0)
        return -errno;
    return 0;
}

enum flow listener_open(struct listener *listener, const struct listen_address *address, int mode,
                        struct publisher *publisher)
{
    bool stale;
    *listener = (struct listener){.address = address, .fd = -1};
    const int folder = lock_folder(address->path);
    enum flow flow = examine(address, publisher, &stale);
    if (flow == FLOW_CONTINUE) {
        const int error = make_socket(listener, stale, mode);
        if (error != 0)
            flow = fail_errno(address, publisher, -error);
    }
    if (folder >= 0)
        close(folder);
    return flow;
}

static void remove_file(struct listener *listener)
{
    struct stat st;
    if (!listener->has_file)
        return;
    const int folder = lock_folder(listener->address->path);
    if (lstat(listener->address->path, &st) == 0 && st.st_dev == listener->dev && st.st_ino == listener->ino)
        unlink(listener->address->path);
    listener->has_file = false;
    if (folder >= 0)
        close(folder);
}

void listener_stop(struct listener *listener)
{
    remove_file(listener);
    if (listener->fd >= 0)
        shutdown(listener->fd, SHUT_RD);
}

void listener_close(struct listener *listener)
{
    if (listener->address == NULL)
        return;
    remove_file(listener);
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
}
