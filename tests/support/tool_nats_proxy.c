/* SPDX-License-Identifier: MIT */
/*
 * Stands between a NATS client and a server at 127.0.0.1 and loses acknowledgements of the stream.
 *
 *   tool_nats_proxy SERVER-ADDRESS SERVER-PORT LOSE-EVERY CUT-EVERY [LAST]
 *
 * Listens at any free port of 127.0.0.1, and prints it. Of the acknowledgements of a connection, it does not pass
 * on each LOSE-EVERY-th, and cuts the connection instead of the CUT-EVERY-th, once the server has read all that
 * the client had sent; 0: none. After LAST of them in all, it passes on everything. Ends with its standard input.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 20, PASS_ON_MS = 300 };

static struct sockaddr_in server = {.sin_family = AF_INET};
static unsigned long lose_every;
static unsigned long cut_every;
static unsigned long last;
static unsigned long *seen; /* shared by the processes of all connections */

static void send_all(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);

        if (sent < 0)
            _exit(0);
        bytes += sent;
        count -= (size_t)sent;
    }
}

/* The length of the frame at the beginning; 0: it is not complete. */
static size_t frame_length(const char *bytes, size_t count)
{
    const char *end = memmem(bytes, count, "\r\n", 2);
    size_t line = end ? (size_t)(end - bytes) + 2 : 0;
    const char *number = end;

    if (!end || (strncmp(bytes, "MSG ", 4) != 0 && strncmp(bytes, "HMSG ", 5) != 0))
        return line;
    while (number[-1] != ' ')
        number--;
    line += strtoul(number, NULL, 10) + 2;
    return line <= count ? line : 0;
}

/* Passes on what the client sends for a moment, so that the server has it, but none of the answers; then ends. */
static void cut(int client, int upstream)
{
    struct pollfd fd = {.fd = client, .events = POLLIN};
    char bytes[4096];
    ssize_t count;

    while (poll(&fd, 1, PASS_ON_MS) > 0 && (count = read(client, bytes, sizeof(bytes))) > 0)
        send_all(upstream, bytes, (size_t)count);
    _exit(0);
}

static bool is_acknowledgement(const char *frame, size_t length)
{
    return memmem(frame, length, "\r\n{\"stream\":", 12) != NULL;
}

/* Passes on whole frames of the server. */
static size_t pass_on(int client, int upstream, const char *bytes, size_t count)
{
    size_t done = 0;
    size_t length;

    while ((length = frame_length(bytes + done, count - done)) > 0) {
        unsigned long number = is_acknowledgement(bytes + done, length) ? __sync_add_and_fetch(seen, 1) : 0;
        bool counts = number > 0 && (last == 0 || number <= last);

        if (counts && cut_every > 0 && number % cut_every == 0)
            cut(client, upstream);
        if (!counts || lose_every == 0 || number % lose_every != 0)
            send_all(client, bytes + done, length);
        done += length;
    }
    return done;
}

static void serve(int client)
{
    static char bytes[BUFFER_BYTES];
    static char forth[65536];
    size_t held = 0;
    int upstream = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(upstream, (struct sockaddr *)&server, sizeof(server)) < 0)
        _exit(0);
    for (;;) {
        struct pollfd fds[] = {{.fd = client, .events = POLLIN}, {.fd = upstream, .events = POLLIN}};
        ssize_t count;

        if (poll(fds, 2, -1) < 0)
            _exit(1);
        if (fds[0].revents) {
            count = read(client, forth, sizeof(forth));
            if (count <= 0)
                _exit(0);
            send_all(upstream, forth, (size_t)count);
        }
        if (fds[1].revents) {
            count = read(upstream, bytes + held, sizeof(bytes) - held);
            if (count <= 0)
                _exit(0);
            held += (size_t)count;
            size_t done = pass_on(client, upstream, bytes, held);

            held -= done;
            memmove(bytes, bytes + done, held);
        }
    }
}

static int listen_anywhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
        perror("tool_nats_proxy");
        exit(1);
    }
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    int listener;

    if (argc < 5 || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1)
        return 2;
    server.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
    lose_every = strtoul(argv[3], NULL, 10);
    cut_every = strtoul(argv[4], NULL, 10);
    last = argc > 5 ? strtoul(argv[5], NULL, 10) : 0;
    seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    signal(SIGCHLD, SIG_IGN);
    listener = listen_anywhere();
    for (;;) {
        struct pollfd fds[] = {{.fd = listener, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};

        if (poll(fds, 2, -1) > 0 && fds[1].revents)
            return 0;
        int client = accept(listener, NULL, NULL);

        if (client >= 0 && fork() == 0) {
            close(listener);
            serve(client);
        }
        if (client >= 0)
            close(client);
    }
}
