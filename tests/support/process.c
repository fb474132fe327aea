/* SPDX-License-Identifier: MIT */
#include "tests/support/process.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "common/kernel/barrier.h"

#define PATIENCE_MS 20000
#define PROCESSES_MAX 64

/* Of a child: its ends of the pipes. */
static int own_orders = -1;
static int own_reports = -1;

int64_t process_stretched_ms(int64_t ms)
{
    const char *text = getenv("CK_TIMEOUT_MULTIPLIER");
    const double factor = text != NULL ? strtod(text, NULL) : 1.0;
    return factor > 1.0 ? (int64_t)((double)ms * factor) : ms;
}

int64_t process_patience_ms(void)
{
    return process_stretched_ms(PATIENCE_MS);
}

int64_t process_patience_ns(void)
{
    return process_patience_ms() * 1000000;
}

int64_t process_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void *process_share(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_msg(memory != MAP_FAILED, "mmap: %s", strerror(errno));
    return memory;
}

/* ------------------------------------------------------------------ pipes of numbers */

static bool write_number(int fd, uint64_t number)
{
    ssize_t written;
    do
        written = write(fd, &number, sizeof(number));
    while (written < 0 && errno == EINTR);
    return written == (ssize_t)sizeof(number);
}

/* Numbers are written whole: a pipe keeps so few bytes together. Return: false at the end. */
static bool read_number(int fd, uint64_t *number)
{
    ssize_t got;
    do
        got = read(fd, number, sizeof(*number));
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof(*number);
}

/* Polls until something is there or the time is over; signals do not prolong it. Return: as poll. */
static int poll_for(struct pollfd *fds, nfds_t count, int64_t ms)
{
    const int64_t deadline = process_now_ns() + ms * 1000000;
    for (;;) {
        const int64_t left = (deadline - process_now_ns()) / 1000000;
        const int ready = poll(fds, count, left > 0 ? (int)left : 0);
        if (ready >= 0 || errno != EINTR)
            return ready;
    }
}

void process_report(uint64_t number)
{
    if (!write_number(own_reports, number))
        _exit(98);
}

uint64_t process_await_order(void)
{
    uint64_t number;
    if (!read_number(own_orders, &number))
        _exit(98);
    return number;
}

void process_order(struct process *process, uint64_t number)
{
    ck_assert_msg(write_number(process->orders, number), "process %d takes no orders", (int)process->pid);
}

bool process_has_report(const struct process *process)
{
    struct pollfd fd = {.fd = process->reports, .events = POLLIN};
    return poll_for(&fd, 1, 0) > 0;
}

bool process_hears(struct process *process, int64_t ms, uint64_t *number)
{
    struct pollfd fd = {.fd = process->reports, .events = POLLIN};
    return poll_for(&fd, 1, ms) > 0 && read_number(process->reports, number);
}

uint64_t process_hear(struct process *process)
{
    uint64_t number = 0;
    ck_assert_msg(process_hears(process, process_patience_ms(), &number), "process %d has nothing to report",
                  (int)process->pid);
    return number;
}

size_t process_hear_any(struct process *processes, size_t count, uint64_t *number)
{
    struct pollfd fds[PROCESSES_MAX];
    ck_assert_uint_le(count, PROCESSES_MAX);
    for (size_t i = 0; i < count; i++)
        fds[i] = (struct pollfd){.fd = processes[i].reports, .events = POLLIN};
    ck_assert_msg(poll_for(fds, (nfds_t)count, process_patience_ms()) > 0, "no process reports anything");
    size_t who = 0;
    while (fds[who].revents == 0)
        who++;
    ck_assert_msg(read_number(processes[who].reports, number), "process %d ended instead of reporting",
                  (int)processes[who].pid);
    return who;
}

/* ------------------------------------------------------------------ life and death */

static void run_child(pid_t parent, void (*run)(void *context), void *context)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(97);
    run(context);
    _exit(0);
}

void process_start(struct process *process, void (*run)(void *context), void *context)
{
    const pid_t parent = getpid();
    int orders[2];
    int reports[2];
    ck_assert_int_eq(pipe2(orders, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(reports, O_CLOEXEC), 0);
    (void)fflush(NULL);
    const pid_t pid = fork();
    ck_assert_msg(pid >= 0, "fork: %s", strerror(errno));
    if (pid == 0) {
        (void)close(orders[1]);
        (void)close(reports[0]);
        own_orders = orders[0];
        own_reports = reports[1];
        run_child(parent, run, context);
    }
    (void)close(orders[0]);
    (void)close(reports[1]);
    *process = (struct process){.pid = pid, .orders = orders[1], .reports = reports[0]};
}

/* A handle on it that can be polled for its end. */
static void wait_for_end(pid_t pid)
{
    const int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    ck_assert_msg(fd >= 0, "pidfd_open: %s", strerror(errno));
    struct pollfd ended = {.fd = fd, .events = POLLIN};
    const int ready = poll_for(&ended, 1, process_patience_ms());
    (void)close(fd);
    ck_assert_msg(ready > 0, "process %d does not end", (int)pid);
}

int process_collect(struct process *process)
{
    wait_for_end(process->pid);
    ck_assert_int_eq(waitpid(process->pid, &process->status, 0), process->pid);
    (void)close(process->orders);
    (void)close(process->reports);
    process->pid = 0;
    return process->status;
}

void process_expect_success(struct process *process)
{
    const pid_t pid = process->pid;
    const int status = process_collect(process);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "process %d ended with %s %d", (int)pid,
                  WIFEXITED(status) ? "status" : "signal",
                  WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

/* One that failed before it could be killed has something to say. */
void process_kill(struct process *process)
{
    const pid_t pid = process->pid;
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    const int status = process_collect(process);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "process %d ended by itself with status %d",
                  (int)pid, WEXITSTATUS(status));
}

void process_stop(struct process *process)
{
    int status = 0;
    ck_assert_int_eq(kill(process->pid, SIGSTOP), 0);
    ck_assert_int_eq(waitpid(process->pid, &status, WUNTRACED), process->pid);
    ck_assert_msg(WIFSTOPPED(status), "process %d ended instead of stopping", (int)process->pid);
}

void process_continue(struct process *process)
{
    ck_assert_int_eq(kill(process->pid, SIGCONT), 0);
}

bool process_sleeps(const struct process *process)
{
    char path[64];
    char text[512];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)process->pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
    const ssize_t got = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    text[got > 0 ? got : 0] = '\0';
    const char *state = strrchr(text, ')');
    return state != NULL && strncmp(state, ") S", 3) == 0;
}

/* ------------------------------------------------------------------ conditions and gates */

void process_wait_until(bool (*holds)(void *context), void *context, const char *what)
{
    const int64_t deadline = process_now_ns() + process_patience_ms() * 1000000;
    const struct timespec moment = {.tv_nsec = 100000};
    while (!holds(context)) {
        ck_assert_msg(process_now_ns() < deadline, "in vain: %s", what);
        (void)nanosleep(&moment, NULL);
    }
}

int process_gate_make(void)
{
    const int gate = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
    ck_assert_msg(gate >= 0, "eventfd: %s", strerror(errno));
    return gate;
}

void process_gate_pass(int gate)
{
    uint64_t one;
    process_require(read_number(gate, &one));
}

void process_gate_open(int gate, size_t children)
{
    ck_assert(write_number(gate, children));
}

bool process_refuse_membarrier(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};
    return barrier_register() != 0 ||
           (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 && barrier_register() != 0);
}

void process_limit(int resource, rlim_t value)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit((__rlimit_resource_t)resource, &limit), 0);
    limit.rlim_cur = value;
    ck_assert_int_eq(setrlimit((__rlimit_resource_t)resource, &limit), 0);
}

rlim_t process_mapped_bytes(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%llu", &pages), 1);
    (void)fclose(file);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}
