/* SPDX-License-Identifier: MIT */
#include "tests/support/step.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/process.h"

#define POINTS_MAX (1u << 20)
#define YIELDS_BEFORE_LOOKING 20
#define MOMENT_NS 50000
#define REGIONS_MAX 64

/* ------------------------------------------------------------------ what is different on each machine */

#if defined(__x86_64__)
#define MARK __asm__ volatile("int3")
#define BREAKPOINT 0xccu
#define BREAKPOINT_BYTES 1
#define PC(regs) ((regs)->rip)
#define STACK(regs) ((regs)->rsp)
static const unsigned char system_call[] = {0x0f, 0x05};
#elif defined(__aarch64__)
#define MARK __asm__ volatile("brk #0")
#define BREAKPOINT 0xd4200000u
#define BREAKPOINT_BYTES 4
#define PC(regs) ((regs)->pc)
#define STACK(regs) ((regs)->sp)
static const unsigned char system_call[] = {0x01, 0x00, 0x00, 0xd4};
#else
#define UNKNOWN_MACHINE
#define MARK
#define BREAKPOINT 0
#define BREAKPOINT_BYTES 1
#define PC(regs) (*(unsigned long long *)(regs))
#define STACK(regs) (*(unsigned long long *)(regs))
static const unsigned char system_call[] = {0};
#endif

#if defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static bool tracing_is_permitted(void)
{
    int status;
    const pid_t pid = fork();
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(1);
        (void)raise(SIGTRAP);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
        return false;
    (void)kill(pid, SIGKILL);
    return waitpid(pid, &status, 0) == pid;
}

const char *step_impossible(void)
{
#if defined(UNKNOWN_MACHINE)
    return "single steps are known for x86-64 and aarch64 only";
#endif
#if SANITIZED
    return "single steps are for the library as it is shipped, not for a sanitizer's";
#endif
#if defined(__aarch64__) && defined(HWCAP_ATOMICS)
    if ((getauxval(AT_HWCAP) & HWCAP_ATOMICS) == 0)
        return "single steps never get through a load-exclusive and its store: needs a processor with LSE";
#endif
    return tracing_is_permitted() ? NULL : "tracing is not permitted here";
}

__attribute__((noinline)) void step_begin(void)
{
    MARK;
}

__attribute__((noinline)) void step_end(void)
{
    __asm__ volatile("" ::: "memory");
}

/* The child is a fork of this process: what it has at an address of code, we have too. */
static bool is_system_call(uintptr_t pc)
{
    return memcmp((const void *)pc, system_call, sizeof(system_call)) == 0;
}

static bool is_own(uintptr_t pc)
{
    extern const char __executable_start[];
    extern const char etext[];
    return pc >= (uintptr_t)__executable_start && pc < (uintptr_t)etext;
}

/* ------------------------------------------------------------------ the child, as ptrace has it */

__attribute__((noreturn, format(printf, 2, 3))) static void fail(const struct step *step, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(stderr, "process %d under ptrace: ", (int)step->pid);
    (void)vfprintf(stderr, format, arguments);
    (void)fprintf(stderr, "\n");
    va_end(arguments);
    _exit(99);
}

static void trace(const struct step *step, enum __ptrace_request request, void *address, void *data)
{
    if (ptrace(request, step->pid, address, data) != 0)
        fail(step, "ptrace request %d: %s", (int)request, strerror(errno));
}

static struct user_regs_struct get_registers(const struct step *step)
{
    struct user_regs_struct registers;
    struct iovec part = {.iov_base = &registers, .iov_len = sizeof(registers)};
    trace(step, PTRACE_GETREGSET, (void *)NT_PRSTATUS, &part);
    return registers;
}

static void set_pc(const struct step *step, uintptr_t pc)
{
    struct user_regs_struct registers = get_registers(step);
    struct iovec part = {.iov_base = &registers, .iov_len = sizeof(registers)};
    PC(&registers) = pc;
    trace(step, PTRACE_SETREGSET, (void *)NT_PRSTATUS, &part);
}

uintptr_t step_pc(const struct step *step)
{
    const struct user_regs_struct registers = get_registers(step);
    return (uintptr_t)PC(&registers);
}

/* Reads its state, and how often it has slept: two sleeps in a row look alike but for that. */
static bool read_status(pid_t pid, char *state, unsigned long *sleeps)
{
    char path[64];
    char text[4096];
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t length = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    text[length > 0 ? length : 0] = '\0';
    const char *state_line = strstr(text, "\nState:\t");
    const char *sleeps_line = strstr(text, "\nvoluntary_ctxt_switches:\t");
    if (state_line == NULL || sleeps_line == NULL)
        return false;
    *state = state_line[strlen("\nState:\t")];
    *sleeps = strtoul(sleeps_line + strlen("\nvoluntary_ctxt_switches:\t"), NULL, 10);
    return true;
}

bool step_is_asleep(pid_t pid)
{
    char state;
    unsigned long sleeps;
    return read_status(pid, &state, &sleeps) && state == 'S';
}

/* It may have come to a trap, or have ended, which it should not. */
static void expect_trap(const struct step *step, int status)
{
    if (WIFEXITED(status))
        fail(step, "ended with status %d before it should", WEXITSTATUS(status));
    if (WIFSIGNALED(status))
        fail(step, "ended by signal %d before it should", WTERMSIG(status));
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
        fail(step, "stopped by signal %d", WSTOPSIG(status));
}

/* A sleep that was told; @count is the sleeper's own count of its sleeps. */
struct told {
    unsigned long count;
    int64_t when_ns;
};

/* A sleep is told once, and again if it goes on. */
static bool is_to_be_told(const struct step *step, struct told *told)
{
    char state;
    unsigned long count;
    const int64_t now_ns = process_now_ns();
    if (!read_status(step->pid, &state, &count) || state != 'S' ||
        (count == told->count && now_ns - told->when_ns < STEP_LONG_SLEEP_NS))
        return false;
    *told = (struct told){.count = count, .when_ns = now_ns};
    return true;
}

/*
 * Waits for its next trap.
 * @told  NULL: it does not sleep, and the wait blocks
 * Return: false if it sleeps.
 */
static bool wait_for_trap(const struct step *step, struct told *told)
{
    const int64_t deadline = process_now_ns() + process_patience_ms() * 1000000;
    const struct timespec moment = {.tv_nsec = MOMENT_NS};
    for (unsigned tries = 0; process_now_ns() < deadline; tries++) {
        int status;
        const pid_t got = waitpid(step->pid, &status, told != NULL ? WNOHANG : 0);
        if (got == step->pid) {
            expect_trap(step, status);
            return true;
        }
        if (tries < YIELDS_BEFORE_LOOKING) {
            (void)sched_yield();
            continue;
        }
        if (is_to_be_told(step, told))
            return false;
        (void)nanosleep(&moment, NULL);
    }
    fail(step, "comes to nothing");
}

/* Waits for its next trap, and does at each sleep what has to be done there. Return: how many sleeps. */
static uint32_t wait_through_sleeps(struct step *step)
{
    struct told told = {0};
    const uint32_t before = step->sleeps;
    if (step->on_sleep == NULL) {
        (void)wait_for_trap(step, NULL);
        return 0;
    }
    while (!wait_for_trap(step, &told))
        step->on_sleep(step->context, step->sleeps++);
    return step->sleeps - before;
}

/* One instruction. Return: whether it slept. */
static bool step_once(struct step *step, uintptr_t pc)
{
    trace(step, PTRACE_SINGLESTEP, NULL, NULL);
    if (is_system_call(pc))
        return wait_through_sleeps(step) > 0;
    (void)wait_for_trap(step, NULL);
    return false;
}

/* The stack begins at the same place of a page in every child, whoever forked it: paths depend on its alignment.
 */
static void run_child(pid_t parent, void (*run)(void *context), void *context)
{
    char *padding = __builtin_alloca((uintptr_t)__builtin_frame_address(0) % 4096);
    __asm__ volatile("" : : "r"(padding) : "memory");
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent || ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(97);
    run(context);
    _exit(0);
}

/* What it does before may bring it signals, of its children for one. */
static void wait_for_mark(const struct step *step)
{
    int status;
    for (;;) {
        if (waitpid(step->pid, &status, 0) != step->pid)
            fail(step, "waitpid: %s", strerror(errno));
        if (!WIFSTOPPED(status) || WSTOPSIG(status) == SIGTRAP)
            break;
        trace(step, PTRACE_CONT, NULL, (void *)(intptr_t)WSTOPSIG(status));
    }
    expect_trap(step, status);
}

void step_start(struct step *step, void (*run)(void *context), void *context)
{
    const pid_t parent = getpid();
    (void)fflush(NULL);
    step->pid = fork();
    if (step->pid < 0)
        fail(step, "fork: %s", strerror(errno));
    if (step->pid == 0)
        run_child(parent, run, context);
    wait_for_mark(step);
    trace(step, PTRACE_SETOPTIONS, NULL, (void *)PTRACE_O_EXITKILL);
#if defined(__aarch64__)
    set_pc(step, step_pc(step) + BREAKPOINT_BYTES); /* it stands at the mark, not behind it */
#endif
    const struct user_regs_struct registers = get_registers(step);
    step->begin_stack = (uintptr_t)STACK(&registers);
    step->sleeps = 0;
    step->asleep = false;
}

/* ------------------------------------------------------------------ the path */

/* The last point at which @pc came, plus 1; 0: none. */
static uint32_t find_previous(const struct step_path *path, uintptr_t pc)
{
    for (size_t i = path->count; i > 0; i--)
        if (path->points[i - 1].pc == pc)
            return (uint32_t)i;
    return 0;
}

/* An instruction that repeats itself (rep movs) stays where it is for several steps, but is come to once. */
static void append_point(struct step_path *path, const struct step_point *point)
{
    const uint32_t previous = find_previous(path, point->pc);
    const bool repeated = previous > 0 && previous == path->count;
    struct step_point *last = &path->points[path->count++];
    *last = *point;
    last->previous_plus1 = previous;
    last->nth = (previous > 0 ? path->points[previous - 1].nth : 0) + !repeated;
}

/* Backwards, so that the last time is known first. */
static void count_times(struct step_path *path)
{
    for (size_t i = path->count; i > 0; i--) {
        struct step_point *point = &path->points[i - 1];
        if (point->times == 0)
            point->times = point->nth;
        if (point->previous_plus1 > 0)
            path->points[point->previous_plus1 - 1].times = point->times;
    }
}

/* The writable memory that the child shares with others, as it was last looked at. */
struct shared {
    struct iovec regions[REGIONS_MAX];
    size_t count;
    size_t bytes;
    unsigned char *now;    /* [bytes] */
    unsigned char *before; /* [bytes] */
};

static void free_shared(struct shared *shared)
{
    free(shared->now);
    free(shared->before);
    *shared = (struct shared){0};
}

/* Finds the regions; only a system call makes others of them. */
static void find_shared(const struct step *step, struct shared *shared)
{
    char path[64];
    char line[512];
    (void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)step->pid);
    free_shared(shared);
    FILE *maps = fopen(path, "re");
    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        uintptr_t begin;
        uintptr_t end;
        char access[5];
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &begin, &end, access) != 3 || access[1] != 'w' ||
            access[3] != 's')
            continue;
        if (shared->count == REGIONS_MAX)
            fail(step, "shares more than %d regions of memory", REGIONS_MAX);
        shared->regions[shared->count++] = (struct iovec){.iov_base = (void *)begin, .iov_len = end - begin};
        shared->bytes += end - begin;
    }
    shared->now = calloc(1, shared->bytes + 1);
    shared->before = calloc(1, shared->bytes + 1);
    if (maps == NULL || shared->now == NULL || shared->before == NULL)
        fail(step, "what it shares cannot be found: %s", strerror(errno));
    (void)fclose(maps);
}

/* Return: false if something of it is behind the end of a file, or otherwise cannot be read. */
static bool read_shared(const struct step *step, struct shared *shared)
{
    unsigned char *other = shared->before;
    shared->before = shared->now;
    shared->now = other;
    const struct iovec place = {.iov_base = shared->now, .iov_len = shared->bytes};
    return process_vm_readv(step->pid, &place, 1, shared->regions, shared->count, 0) == (ssize_t)shared->bytes;
}

/* After an instruction. Return: whether what is shared has changed, or may have. */
static bool is_news(const struct step *step, struct shared *shared, bool by_kernel)
{
    if (by_kernel)
        find_shared(step, shared);
    const bool complete = read_shared(step, shared);
    return by_kernel || !complete || memcmp(shared->now, shared->before, shared->bytes) != 0;
}

void step_record(struct step *step, struct step_path *path)
{
    struct shared shared = {0};
    bool news = is_news(step, &shared, true);
    *path = (struct step_path){.points = malloc(POINTS_MAX * sizeof(*path->points))};
    if (path->points == NULL)
        fail(step, "no memory for its path");
    for (;;) {
        const struct user_regs_struct registers = get_registers(step);
        const uintptr_t pc = (uintptr_t)PC(&registers);
        append_point(path, &(struct step_point){
                               .pc = pc,
                               .stack = step->begin_stack - (uintptr_t)STACK(&registers),
                               .own = is_own(pc),
                               .system_call = is_system_call(pc),
                               .news = news,
                           });
        if (pc == (uintptr_t)step_end)
            break;
        if (path->count == POINTS_MAX)
            fail(step, "the operation takes more than %u instructions", POINTS_MAX);
        path->points[path->count - 1].slept = step_once(step, pc);
        news = is_news(step, &shared, is_system_call(pc));
    }
    free_shared(&shared);
    count_times(path);
}

enum step_result step_walk(struct step *step, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uintptr_t pc = step_pc(step);
        if (pc == (uintptr_t)step_end)
            return STEP_ENDED;
        (void)step_once(step, pc);
    }
    return STEP_THERE;
}

/* ------------------------------------------------------------------ breakpoints */

static bool put_word(const struct step *step, uintptr_t pc, long word)
{
    return ptrace(PTRACE_POKEDATA, step->pid, (void *)pc, (void *)word) == 0;
}

/* Return: false where the code cannot be written to. */
static bool set_breakpoint(const struct step *step, struct step_breakpoint *point, uintptr_t pc)
{
    const uint32_t trap = BREAKPOINT;
    point->pc = pc;
    memcpy(&point->original, (const void *)pc, sizeof(point->original));
    long word = point->original;
    memcpy(&word, &trap, BREAKPOINT_BYTES);
    return put_word(step, pc, word);
}

static void clear_breakpoint(const struct step *step, const struct step_breakpoint *point)
{
    if (!put_word(step, point->pc, point->original))
        fail(step, "a breakpoint cannot be taken away: %s", strerror(errno));
}

/* At full speed to a breakpoint. Return: its address, at which it then stands. */
static uintptr_t run_to_breakpoint(struct step *step)
{
    trace(step, PTRACE_CONT, NULL, NULL);
    (void)wait_through_sleeps(step);
    uintptr_t pc = step_pc(step);
#if defined(__x86_64__)
    pc -= BREAKPOINT_BYTES; /* int3 has been executed */
    set_pc(step, pc);
#endif
    return pc;
}

/* Comes to @pc for the @nth time. Return: false if to the end before. */
static bool run_to(struct step *step, uintptr_t pc, uint32_t nth)
{
    struct step_breakpoint end;
    struct step_breakpoint there = {0};
    const uintptr_t end_pc = (uintptr_t)step_end;
    if (!set_breakpoint(step, &end, end_pc))
        fail(step, "no breakpoints: %s", strerror(errno));
    if (pc != end_pc && !set_breakpoint(step, &there, pc)) {
        clear_breakpoint(step, &end);
        return false;
    }
    uintptr_t now = run_to_breakpoint(step);
    for (uint32_t come = 1; now == pc && come < nth; come++) {
        clear_breakpoint(step, &there);
        (void)step_once(step, pc);
        (void)set_breakpoint(step, &there, pc);
        now = run_to_breakpoint(step);
    }
    if (pc != end_pc)
        clear_breakpoint(step, &there);
    clear_breakpoint(step, &end);
    return now == pc;
}

enum step_result step_to(struct step *step, const struct step_path *path, size_t n, bool *strayed)
{
    const struct step_point *point = &path->points[n];
    size_t from = n;
    while (from > 0 && path->points[from - 1].pc == point->pc)
        from--;
    if (from > 0 && !run_to(step, point->pc, point->nth))
        return STEP_ENDED;
    const enum step_result result = step_walk(step, n - from);
    const struct user_regs_struct registers = get_registers(step);
    *strayed =
        (uintptr_t)PC(&registers) != point->pc || step->begin_stack - (uintptr_t)STACK(&registers) != point->stack;
    return result;
}

enum step_result step_to_sleep(struct step *step, uint32_t times)
{
    struct told told = {0};
    if (!set_breakpoint(step, &step->end, (uintptr_t)step_end))
        fail(step, "no breakpoints: %s", strerror(errno));
    trace(step, PTRACE_CONT, NULL, NULL);
    while (!wait_for_trap(step, &told)) {
        step->asleep = ++step->sleeps == times;
        if (step->asleep)
            return STEP_ASLEEP;
        step->on_sleep(step->context, step->sleeps - 1);
    }
    return STEP_ENDED;
}

/* ------------------------------------------------------------------ death and rest */

static int collect(struct step *step)
{
    int status;
    do
        if (waitpid(step->pid, &status, 0) != step->pid)
            fail(step, "waitpid: %s", strerror(errno));
    while (!WIFEXITED(status) && !WIFSIGNALED(status));
    step->pid = 0;
    return status;
}

bool step_has_ended(struct step *step, int *status)
{
    if (waitpid(step->pid, status, WNOHANG) != step->pid)
        return false;
    step->pid = 0;
    return true;
}

void step_kill(struct step *step)
{
    if (kill(step->pid, SIGKILL) != 0)
        fail(step, "kill: %s", strerror(errno));
    const int status = collect(step);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail(step, "ended by itself with status %d", WEXITSTATUS(status));
}

/* One that sleeps has to be got out of its system call first, which begins again afterwards. */
static void interrupt_sleep(struct step *step)
{
    int status;
    if (kill(step->pid, SIGSTOP) != 0 || waitpid(step->pid, &status, 0) != step->pid || !WIFSTOPPED(status))
        fail(step, "does not stop");
    clear_breakpoint(step, &step->end);
}

void step_stop(struct step *step)
{
    int status;
    if (step->asleep)
        interrupt_sleep(step);
    trace(step, PTRACE_DETACH, NULL, (void *)SIGSTOP);
    if (waitpid(step->pid, &status, WUNTRACED) != step->pid || !WIFSTOPPED(status))
        fail(step, "ended instead of stopping");
}

void step_continue(const struct step *step)
{
    if (kill(step->pid, SIGCONT) != 0)
        fail(step, "kill: %s", strerror(errno));
}
