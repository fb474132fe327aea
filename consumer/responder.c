/* SPDX-License-Identifier: MIT */
#include "consumer/responder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "consumer/deadline.h"
#include "consumer/group_members.h"

#define GROUP_POLL_NS 5000000 /* between two looks at a process group whose leader has ended */

void responder_init(struct responder *responder)
{
    *responder = (struct responder){.output = -1};
    responder->command = (struct command){.pid = -1, .pidfd = -1, .input = -1};
}

static void close_output(struct responder *responder)
{
    if (responder->output >= 0)
        close(responder->output);
    responder->output = -1;
}

static bool unblock(int fd)
{
    return fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

int responder_start(struct responder *responder, struct command_call call, struct process_group_slot *slot)
{
    int ends[2];
    int result;

    responder_init(responder);
    responder->slot = slot;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    responder->output = ends[0];
    call.output = ends[1];
    result = command_start(&responder->command, &call, slot);
    close(ends[1]);
    if (result == 0) {
        responder->running = true;
        responder->next_signal = SIGTERM;
        responder->due_ns = INT64_MAX;
        if (unblock(ends[0]) && unblock(responder->command.input))
            return 0;
        result = -errno;
        responder_kill(responder);
        (void)responder_reap(responder);
    }
    close_output(responder);
    return result;
}

static int milliseconds_until(const struct responder *responder, int64_t until_ns)
{
    int64_t left = until_ns - stop_now_ns();
    int longest = responder->running && responder->command.pidfd < 0 ? POLL_WITHOUT_PIDFD_MS : POLL_MS;

    if (left <= 0)
        return 0;
    left = left / 1000000 + 1;
    return left < longest ? (int)left : longest;
}

int responder_wait(const struct responder *responder, bool input, int64_t until_ns)
{
    struct pollfd fds[] = {
        {.fd = responder->running ? responder->command.pidfd : -1, .events = POLLIN},
        {.fd = responder->output, .events = POLLIN},
        {.fd = input ? responder->command.input : -1, .events = POLLOUT},
        {.fd = stop_requested ? -1 : stop_descriptor(), .events = POLLIN},
    };
    int events = 0;

    if (poll(fds, 4, milliseconds_until(responder, until_ns)) <= 0)
        fds[0].revents = fds[1].revents = fds[2].revents = 0;
    if (fds[1].revents != 0)
        events |= RESPONDER_READABLE;
    if (fds[2].revents != 0)
        events |= RESPONDER_WRITABLE;
    if (responder->running && (fds[0].revents != 0 || responder->command.pidfd < 0) &&
        command_has_ended(&responder->command))
        events |= RESPONDER_ENDED;
    return events;
}

uint64_t responder_unread(const struct responder *responder)
{
    int bytes = 0;

    return ioctl(responder->command.input, FIONREAD, &bytes) == 0 ? (uint64_t)bytes : 0;
}

ssize_t responder_read(struct responder *responder, char *to, size_t room)
{
    ssize_t bytes;

    if (responder->output < 0)
        return 0;
    do {
        bytes = read(responder->output, to, room);
    } while (bytes < 0 && errno == EINTR);
    if (bytes == 0)
        close_output(responder);
    return bytes < 0 ? -errno : bytes;
}

void responder_end(struct responder *responder, int64_t delay_ns)
{
    int64_t due_ns = deadline_after(delay_ns);

    if (responder->next_signal == SIGTERM && due_ns < responder->due_ns)
        responder->due_ns = due_ns;
}

void responder_escalate(struct responder *responder, int64_t kill_after_ns)
{
    if (!responder->running || responder->next_signal == 0 || stop_now_ns() < responder->due_ns)
        return;
    command_signal(&responder->command, responder->next_signal);
    responder->due_ns = responder->next_signal == SIGTERM ? deadline_after(kill_after_ns) : INT64_MAX;
    responder->next_signal = responder->next_signal == SIGTERM ? SIGKILL : 0;
}

void responder_kill(const struct responder *responder)
{
    const struct timespec pause = {.tv_nsec = GROUP_POLL_NS};

    while (responder->next_signal == SIGKILL && stop_now_ns() < responder->due_ns &&
           group_has_members(responder->command.pid))
        nanosleep(&pause, NULL);
    command_signal(&responder->command, SIGKILL);
}

int responder_reap(struct responder *responder)
{
    int status = command_reap(&responder->command);

    if (responder->slot)
        process_group_set(responder->slot, 0);
    close_output(responder);
    responder->running = false;
    return status;
}
