/* SPDX-License-Identifier: MIT */
/*
 * A client of a socket in the file system:
 *
 *   tool_client stream PATH          sends stdin, as it comes, and ends with it
 *   tool_client hold PATH            the same, and stays connected until it is killed; says "sent" on stdout
 *   tool_client lines PATH           sends each line of stdin, without its end, as a datagram
 *   tool_client whole PATH           sends all of stdin as one datagram
 *   tool_client storm PATH N LINES   N connections at once; each sends LINES lines "I J", cut anywhere
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BYTES = 4 * 1024 * 1024, PIECE_BYTES = 300 };

struct client {
    int fd;
    size_t begin;
    size_t end;
    size_t next_line;
    char text[4 * PIECE_BYTES];
};

static int fail(const char *what)
{
    fprintf(stderr, "tool_client: %s: %s\n", what, strerror(errno));
    return -1;
}

static int connect_to(const char *path, int type)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const int size = BYTES;
    const int fd = socket(AF_UNIX, type, 0);
    if (strlen(path) >= sizeof(name.sun_path)) {
        errno = ENAMETOOLONG;
        return fail(path);
    }
    memcpy(name.sun_path, path, strlen(path));
    if (type == SOCK_DGRAM)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
    return fd < 0 || connect(fd, (const struct sockaddr *)&name, sizeof(name)) != 0 ? fail(path) : fd;
}

static int send_all(int fd, const char *data, size_t bytes)
{
    while (bytes > 0) {
        const ssize_t sent = send(fd, data, bytes, MSG_NOSIGNAL);
        if (sent < 0)
            return fail("send");
        data += sent;
        bytes -= (size_t)sent;
    }
    return 0;
}

static int send_stream(int fd, char *buffer)
{
    ssize_t got;
    while ((got = read(STDIN_FILENO, buffer, BYTES)) > 0)
        if (send_all(fd, buffer, (size_t)got) != 0)
            return -1;
    return got < 0 ? fail("read") : 0;
}

static int send_lines(int fd, char *buffer)
{
    while (fgets(buffer, BYTES, stdin) != NULL) {
        buffer[strcspn(buffer, "\n")] = '\0';
        if (send(fd, buffer, strlen(buffer), MSG_NOSIGNAL) < 0)
            return fail("send");
    }
    return 0;
}

static int send_whole(int fd, char *buffer)
{
    const size_t got = fread(buffer, 1, BYTES, stdin);
    return send(fd, buffer, got, MSG_NOSIGNAL) < 0 ? fail("send") : 0;
}

/* Fills up the text, then sends a random part of it. Return: 0: all is sent; -1: an error. */
static int send_piece(struct client *client, size_t number, size_t lines)
{
    memmove(client->text, client->text + client->begin, client->end - client->begin);
    client->end -= client->begin;
    client->begin = 0;
    while (client->next_line < lines && client->end < PIECE_BYTES)
        client->end +=
            (size_t)snprintf(client->text + client->end, PIECE_BYTES, "%zu %zu\n", number, client->next_line++);
    if (client->end == 0)
        return 0;
    const size_t wanted = (size_t)random() % client->end + 1;
    const ssize_t sent = send(client->fd, client->text, wanted, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN)
        return fail("send");
    client->begin = sent < 0 ? 0 : (size_t)sent;
    return 1;
}

static int storm(const char *path, size_t count, size_t lines)
{
    struct client *clients = calloc(count, sizeof(*clients));
    struct pollfd *fds = calloc(count, sizeof(*fds));
    size_t open = count;
    if (clients == NULL || fds == NULL)
        return fail("memory");
    for (size_t i = 0; i < count; i++) {
        clients[i].fd = connect_to(path, SOCK_STREAM);
        if (clients[i].fd < 0)
            return -1;
        fds[i] = (struct pollfd){.fd = clients[i].fd, .events = POLLOUT};
    }
    while (open > 0) {
        if (poll(fds, count, -1) < 0)
            return fail("poll");
        for (size_t i = 0; i < count; i++) {
            const int state = fds[i].revents == 0 ? 1 : send_piece(&clients[i], i, lines);
            if (state < 0)
                return -1;
            if (state > 0)
                continue;
            close(clients[i].fd);
            fds[i].fd = -1;
            fds[i].revents = 0;
            open--;
        }
    }
    free(clients);
    free(fds);
    return 0;
}

int main(int count, char **arguments)
{
    static char buffer[BYTES];
    const char *what = count > 2 ? arguments[1] : "";
    const int type = strcmp(what, "lines") == 0 || strcmp(what, "whole") == 0 ? SOCK_DGRAM : SOCK_STREAM;
    int result = -1;
    if (strcmp(what, "storm") == 0 && count == 5)
        return storm(arguments[2], strtoul(arguments[3], NULL, 10), strtoul(arguments[4], NULL, 10)) != 0;
    const int fd = count == 3 ? connect_to(arguments[2], type) : -1;
    if (fd < 0)
        return 1;
    if (strcmp(what, "lines") == 0)
        result = send_lines(fd, buffer);
    else if (strcmp(what, "whole") == 0)
        result = send_whole(fd, buffer);
    else if (strcmp(what, "stream") == 0 || strcmp(what, "hold") == 0)
        result = send_stream(fd, buffer);
    if (result == 0 && strcmp(what, "hold") == 0 && puts("sent") >= 0 && fflush(stdout) == 0)
        pause();
    return result != 0;
}
