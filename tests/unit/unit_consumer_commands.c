/* SPDX-License-Identifier: MIT */
/*
 * The consumer's commands: how they are started, watched and ended, and what --exec and --pipe make of them.
 * Pauses take no time; what a command does takes what it takes.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "consumer/command.h"
#include "consumer/command_lookup.h"
#include "consumer/process_group.h"
#include "consumer/program.h"
#include "consumer/sinks/sink.h"
#include "tests/support/harness.h"
#include "tests/support/heard.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"

#define MS INT64_C(1000000)

/* ------------------------------------------------------------------ what a test makes of the system */

static int64_t slept_ns; /* without sleeping: how far the clock is ahead */
static int64_t sleeps_ns[64];
static size_t sleeps;
static size_t stop_in_sleep; /* an orderly end is asked for in this one, from 1; 0: in none */
static int fork_error;       /* of fork, and of the clone that starts a command */
static int pipe_error;
static int fail_result;
static bool without_close_range;
static bool without_pidfd;

int64_t __real_stop_now_ns(void);
int64_t __wrap_stop_now_ns(void);
bool __wrap_stop_sleep_until(int64_t deadline_ns);
pid_t __real_fork(void);
pid_t __wrap_fork(void);
int __real_clone(int (*child)(void *), void *stack, int flags, void *argument, ...);
int __wrap_clone(int (*child)(void *), void *stack, int flags, void *argument, ...);
int __real_pipe2(int ends[2], int flags);
int __wrap_pipe2(int ends[2], int flags);
int __real_shmq_fail(struct shmq *handle, uint32_t *attempts);
int __wrap_shmq_fail(struct shmq *handle, uint32_t *attempts);
int __real_close_range(unsigned first, unsigned last, int flags);
int __wrap_close_range(unsigned first, unsigned last, int flags);
long __real_syscall(long number, long a, long b);
long __wrap_syscall(long number, long a, long b);

int64_t __wrap_stop_now_ns(void)
{
    return __real_stop_now_ns() + slept_ns;
}

bool __wrap_stop_sleep_until(int64_t deadline_ns)
{
    int64_t left = deadline_ns - __wrap_stop_now_ns();
    ck_assert_uint_lt(sleeps, 64);
    sleeps_ns[sleeps++] = left;
    slept_ns += left;
    if (sleeps == stop_in_sleep)
        stop_requested = SIGTERM;
    return stop_requested == 0;
}

pid_t __wrap_fork(void)
{
    errno = fork_error;
    return fork_error != 0 ? -1 : __real_fork();
}

int __wrap_clone(int (*child)(void *), void *stack, int flags, void *argument, ...)
{
    errno = fork_error;
    return fork_error != 0 ? -1 : __real_clone(child, stack, flags, argument);
}

int __wrap_pipe2(int ends[2], int flags)
{
    errno = pipe_error;
    return pipe_error != 0 ? -1 : __real_pipe2(ends, flags);
}

int __wrap_shmq_fail(struct shmq *handle, uint32_t *attempts)
{
    return fail_result != 0 ? fail_result : __real_shmq_fail(handle, attempts);
}

int __wrap_close_range(unsigned first, unsigned last, int flags)
{
    errno = ENOSYS;
    return without_close_range ? -1 : __real_close_range(first, last, flags);
}

/* That of pidfd_open: an old kernel has none. */
long __wrap_syscall(long number, long a, long b)
{
    errno = ENOSYS;
    return without_pidfd ? -1 : __real_syscall(number, a, b);
}

/* ------------------------------------------------------------------ files, and what is said */

static char directory[128];

/* What a file holds; empty where there is none. Valid until the next call. */
static const char *content(const char *file)
{
    static char text[4096];
    FILE *stream = fopen(file, "r");
    text[0] = '\0';
    if (stream == NULL)
        return text;
    text[fread(text, 1, sizeof(text) - 1, stream)] = '\0';
    ck_assert_int_eq(fclose(stream), 0);
    return text;
}

static bool has_content(void *file)
{
    return strchr(content(file), '\n') != NULL;
}

/* The number in a file, once it is there. */
static pid_t number_in(char *file)
{
    process_wait_until(has_content, file, "a command writes a number");
    return (pid_t)atol(content(file));
}

/* Whether a process has ended, or is a zombie that nobody collects. */
static bool is_gone(void *context)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)*(pid_t *)context);
    const char *state = strrchr(content(path), ')');
    return state == NULL || state[2] == 'Z';
}

static void begin(void)
{
    const char *temporary = getenv("TMPDIR");
    say_init("consumer", 0, NULL);
    say_set_writer(hear);
    snprintf(directory, sizeof(directory), "%s/commands.XXXXXX", temporary != NULL ? temporary : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(chdir(directory), 0);
    signal(SIGPIPE, SIG_IGN);
}

static void end(void)
{
    char line[192];
    snprintf(line, sizeof(line), "cd / && rm -rf %s", directory);
    ck_assert_int_eq(system(line), 0);
}

/* ------------------------------------------------------------------ commands */

static int start_shell(struct command *command, const char *text, struct process_group_slot *slot)
{
    const char *words[COMMAND_SHELL_WORDS];
    struct command_call call = command_shell(text, words);
    return command_start(command, &call, slot);
}

static struct command start(const char *text)
{
    struct command command;
    ck_assert_int_eq(start_shell(&command, text, NULL), 0);
    return command;
}

/* Runs a program of words; returns its exit status. */
static int run_words(const char *const *words)
{
    const struct command_call call = {.file = words[0], .arguments = (char *const *)(uintptr_t)words};
    struct command command;
    ck_assert_int_eq(command_start(&command, &call, NULL), 0);
    int status = command_reap(&command);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define RUN(...) run_words((const char *const[]){__VA_ARGS__, NULL})

static void write_file(const char *file, const char *text, mode_t mode)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, mode);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static bool has_ended(void *command)
{
    return command_has_ended(command);
}

START_TEST(a_command_reads_what_it_is_given)
{
    struct command command = start("cat >given");
    ck_assert_int_gt(command.pid, 0);
    ck_assert_int_ge(command.pidfd, 0);
    ck_assert_int_eq(getpgid(command.pid), command.pid);
    ck_assert_int_eq(fcntl(command.input, F_GETFD), FD_CLOEXEC);
    ck_assert(!command_has_ended(&command));
    ck_assert_int_eq(write(command.input, "abc", 3), 3);
    command_end_input(&command);
    ck_assert_int_eq(command.input, -1);
    command_end_input(&command);
    process_wait_until(has_ended, &command, "the command ends");
    ck_assert(command_has_ended(&command));
    int pidfd = command.pidfd;
    ck_assert_int_eq(command_reap(&command), 0);
    ck_assert_str_eq(content("given"), "abc");
    ck_assert_int_eq(command.pid, -1);
    ck_assert_int_eq(command.pidfd, -1);
    ck_assert_int_eq(fcntl(pidfd, F_GETFD), -1);
}
END_TEST

START_TEST(reaping_ends_its_input)
{
    struct command command = start("cat; exit 3");
    int status = command_reap(&command);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 3);
    ck_assert(command_has_ended(&command)); /* there is none any more */
}
END_TEST

START_TEST(a_text_may_begin_with_a_dash)
{
    struct command command = start("-x");
    ck_assert_int_eq(WEXITSTATUS(command_reap(&command)), 127);
}
END_TEST

START_TEST(signals_are_a_command_s_own)
{
    signal(SIGXFSZ, SIG_IGN); /* as it may be when the consumer is started */
    stop_init();
    struct command command = start("kill -PIPE $$; exit 1");
    ck_assert_int_eq(command_reap(&command), SIGPIPE);
    command = start("kill -XFSZ $$; exit 1");
    ck_assert_int_eq(command_reap(&command) & 0x7f, SIGXFSZ);
    command = start("kill -TERM $$; exit 1");
    ck_assert_int_eq(command_reap(&command), SIGTERM);
}
END_TEST

START_TEST(a_signal_reaches_all_that_it_has_started)
{
    struct command command = start("sleep 300 & echo $! >sleeper; wait");
    pid_t sleeper = number_in("sleeper");
    command_signal(&command, SIGKILL);
    ck_assert_int_eq(command_reap(&command), SIGKILL);
    process_wait_until(is_gone, &sleeper, "what the command has started ends");
}
END_TEST

static size_t count_open(void)
{
    size_t count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

START_TEST(a_command_that_cannot_be_started_leaves_nothing)
{
    struct command command;
    size_t before = count_open();
    fork_error = EAGAIN;
    ck_assert_int_eq(start_shell(&command, "true", NULL), -EAGAIN);
    fork_error = 0;
    pipe_error = EMFILE;
    ck_assert_int_eq(start_shell(&command, "true", NULL), -EMFILE);
    ck_assert_uint_eq(count_open(), before);
}
END_TEST

START_TEST(a_program_s_status_is_that_of_a_shell)
{
    write_file("script", "exit 3\n", 0700);
    write_file("data", "", 0600);
    write_file("no-interpreter", "#!/no/such\n", 0700);
    ck_assert_int_eq(RUN("true"), 0);
    ck_assert_int_eq(RUN("false"), 1);
    ck_assert_int_eq(RUN("no-such-1"), 127);
    ck_assert_int_eq(RUN("./no-such-1"), 127);
    ck_assert_int_eq(RUN("./data/x"), 127);
    ck_assert_int_eq(RUN("./no-interpreter"), 127);
    ck_assert_int_eq(RUN("./data"), 126);
    ck_assert_int_eq(RUN("/"), 126);
    ck_assert_int_eq(RUN("./script"), 3); /* as a shell runs it */
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

/* glibc hands it to the shell with all its arguments, which it copies to the stack. */
START_TEST(a_script_may_have_many_arguments)
{
    enum { MANY = 50000 };
    static const char *words[MANY + 2];
    write_file("script", "echo $# >count\n", 0700);
    words[0] = "./script";
    for (size_t i = 1; i <= MANY; i++)
        words[i] = "";
    ck_assert_int_eq(run_words(words), 0);
    ck_assert_str_eq(content("count"), "50000\n");
}
END_TEST

START_TEST(what_is_too_long_is_not_started)
{
    enum { LENGTH = 200000 };
    size_t before = count_open();
    char *large = calloc(1, LENGTH + 1);
    struct command command;
    memset(large, 'x', LENGTH);
    char *const words[] = {"true", large, NULL};
    struct command_call call = {.file = "true", .arguments = words};
    ck_assert_int_eq(command_start(&command, &call, NULL), -E2BIG);
    call.without_input = true;
    ck_assert_int_eq(command_start(&command, &call, NULL), -E2BIG);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_uint_eq(count_open(), before);
    free(large);
}
END_TEST

START_TEST(a_command_may_have_its_own_environment_and_no_input)
{
    char *const words[] = {"sh", "-c", "echo $GIVEN $HOME >given; wc -c >>given; readlink /proc/self/fd/0 >>given",
                           NULL};
    char *const environment[] = {"GIVEN=x", "PATH=/bin:/usr/bin", NULL};
    const struct command_call call = {
        .file = "sh", .arguments = words, .environment = environment, .without_input = true};
    struct command command;
    ck_assert_int_eq(command_start(&command, &call, NULL), 0);
    ck_assert_int_eq(command.input, -1);
    ck_assert_int_eq(command_reap(&command), 0);
    ck_assert_str_eq(content("given"), "x\n0\n/dev/null\n");
}
END_TEST

static volatile sig_atomic_t handled;

static void handle(int number)
{
    (void)number;
    handled = 1;
}

/* The child has the consumer's memory: a handler that ran in it would change the consumer's variables. */
START_TEST(signals_are_as_before_once_a_command_has_started)
{
    sigset_t before;
    sigset_t after;
    signal(SIGUSR2, handle);
    sigemptyset(&before);
    sigaddset(&before, SIGHUP);
    sigprocmask(SIG_SETMASK, &before, NULL);
    ck_assert_int_eq(RUN("cp", "/proc/self/status", "status"), 0); /* a shell may unblock signals itself */
    ck_assert_ptr_nonnull(strstr(content("status"), "SigBlk:\t0000000000000001\n"));
    sigprocmask(SIG_SETMASK, NULL, &after);
    for (int number = 1; number < NSIG; number++)
        ck_assert_int_eq(sigismember(&after, number), number == SIGHUP);
    ck_assert_int_eq(raise(SIGUSR2), 0);
    ck_assert_int_eq(handled, 1);
}
END_TEST

/* ------------------------------------------------------------------ programs */

static const struct {
    const char *words[4];
    const char *message;
    const char *arguments[4]; /* what is passed */
} substitutions[] = {
    {{"p"}, "m", {"p"}},
    {{"p", "a", "b"}, "m", {"p", "a", "b"}},
    {{"p", "{}"}, "m", {"p", "m"}},
    {{"p", "{}"}, "", {"p", ""}},
    {{"p", "-x{}y"}, "a b", {"p", "-xa by"}},
    {{"p", "{}{}"}, "ab", {"p", "abab"}},
    {{"p", "a{}b{}c", "{}"}, "$(x)`y`'\"; \n", {"p", "a$(x)`y`'\"; \nb$(x)`y`'\"; \nc", "$(x)`y`'\"; \n"}},
    {{"p", "{}"}, "{}", {"p", "{}"}},
    {{"p", "{{}}", "{ }"}, "m", {"p", "{m}", "{ }"}},
    {{"p", "{", "}"}, "m", {"p", "{", "}"}},
    {{"p", "{}", "", "x"}, "-rf", {"p", "-rf", "", "x"}},
};

START_TEST(the_message_stands_for_the_mark)
{
    char *words[5] = {NULL};
    struct program program;
    size_t count = 0;
    bool marked = false;
    for (; count < 4 && substitutions[_i].words[count] != NULL; count++) {
        words[count] = (char *)(uintptr_t)substitutions[_i].words[count];
        marked |= strstr(words[count], "{}") != NULL;
    }
    ck_assert_int_eq(program_of_words(&program, words), 0);
    ck_assert(program.call.without_input == marked);
    ck_assert(program.substitutes == marked);
    for (int i = 0; i < 2; i++) { /* the second time, another message was there before */
        ck_assert_int_eq(program_prepare(&program, substitutions[_i].message, strlen(substitutions[_i].message)),
                         0);
        ck_assert_str_eq(program.call.file, "p");
        for (size_t j = 0; j < count; j++)
            ck_assert_str_eq(program.call.arguments[j], substitutions[_i].arguments[j]);
        ck_assert_ptr_null(program.call.arguments[count]);
        ck_assert_int_eq(program_prepare(&program, "another, longer one", 19), 0);
    }
    program_free(&program);
}
END_TEST

START_TEST(not_every_message_can_be_an_argument)
{
    enum { LENGTH = 9 << 20 };
    char *const words[] = {"p", "{}", "{}", NULL};
    char *const without[] = {"p", NULL};
    char *large = calloc(1, LENGTH);
    struct program program;
    ck_assert_int_eq(program_of_words(&program, words), 0);
    ck_assert_int_eq(program_prepare(&program, "a\0b", 3), -EILSEQ);
    ck_assert_int_eq(program_prepare(&program, "ab\0", 3), -EILSEQ);
    memset(large, 'x', LENGTH);
    ck_assert_int_eq(program_prepare(&program, large, LENGTH), -E2BIG);
    ck_assert_int_eq(program_prepare(&program, large, 5 << 20), -E2BIG);
    ck_assert_int_eq(program_prepare(&program, large, 1 << 20), 0);
    ck_assert_int_eq(program_prepare(&program, NULL, 0), 0);
    ck_assert_str_eq(program.call.arguments[1], "");
    program_free(&program);
    ck_assert_int_eq(program_of_words(&program, without), 0);
    ck_assert_int_eq(program_prepare(&program, "a\0b", 3), 0); /* it comes on stdin */
    program_free(&program);
    free(large);
}
END_TEST

START_TEST(a_text_is_cut_at_blanks)
{
    static const char *const expected[] = {"cat", "-n", "a=b", "x"};
    struct program program;
    ck_assert_int_eq(program_of_text(&program, " \tcat -n  a=b\tx "), 0);
    ck_assert_str_eq(program.call.file, "cat");
    for (size_t i = 0; i < COUNT(expected); i++)
        ck_assert_str_eq(program.call.arguments[i], expected[i]);
    ck_assert_ptr_null(program.call.arguments[COUNT(expected)]);
    ck_assert(!program.call.without_input);
    program_free(&program);
    ck_assert_int_eq(program_of_text(&program, "a b c d"), 0); /* as many words as can be */
    ck_assert_str_eq(program.call.arguments[3], "d");
    ck_assert_ptr_null(program.call.arguments[4]);
    program_free(&program);
}
END_TEST

START_TEST(a_status_is_described)
{
    static const struct {
        int status;
        const char *text;
    } statuses[] = {
        {SIGKILL, "killed by signal 9 (Killed)"},
        {3 << 8, "exit status 3"},
        {126 << 8, "exit status 126 (a command that cannot be executed)"},
        {127 << 8, "exit status 127 (a command not found)"},
        {125 << 8, "exit status 125"},
        {128 << 8, "exit status 128"},
    };
    char text[80];
    for (size_t i = 0; i < COUNT(statuses); i++) {
        command_describe(statuses[i].status, text, sizeof(text));
        ck_assert_str_eq(text, statuses[i].text);
    }
}
END_TEST

START_TEST(a_mistyped_name_is_noticed)
{
    static const struct {
        const char *text;
        enum command_lookup result;
        const char *word;
    } texts[] = {
        {"cat", COMMAND_PROGRAM, "cat"},
        {" \t\ncat -n", COMMAND_FOUND, "cat"},
        {"no-such-1", COMMAND_MISSING, "no-such-1"},
        {"  no-such-1 x", COMMAND_MISSING, "no-such-1"},
        {"no-such-1;cat", COMMAND_MISSING, "no-such-1"},
        {"no-such-1>&2", COMMAND_MISSING, "no-such-1"},
        {"no-such-1\tx", COMMAND_MISSING, "no-such-1"},
        {"./here", COMMAND_NOT_EXECUTABLE, "./here"},
        {"./missing", COMMAND_MISSING, "./missing"},
        {".", COMMAND_FOUND, "."}, /* a builtin */
        {"/", COMMAND_NOT_EXECUTABLE, "/"},
        {"no-such-1 () { :; }", COMMAND_FOUND, "no-such-1"},
        {"no-such-1() { :; }", COMMAND_FOUND, "no-such-1"},
        {"no-such-1=x cat", COMMAND_FOUND, "no-such-1"},
        {"2>x cat", COMMAND_FOUND, "2"},
        {"22<x cat", COMMAND_FOUND, "22"},
        {"2x>y", COMMAND_MISSING, "2x"},
        {"22", COMMAND_MISSING, "22"},
        {"", COMMAND_FOUND, ""},
        {"$(x)", COMMAND_FOUND, ""},
        {"if true; then :; fi", COMMAND_FOUND, "if"},
    };
    int fd = open("here", O_WRONLY | O_CREAT, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
    for (size_t i = 0; i < COUNT(texts); i++) {
        const char *word = NULL;
        size_t length = 99;
        enum command_lookup result = command_lookup(texts[i].text, &word, &length);
        ck_assert_msg(result == texts[i].result, "%s: %d", texts[i].text, (int)result);
        ck_assert_uint_eq(length, strlen(texts[i].word));
        ck_assert_int_eq(strncmp(word, texts[i].word, length), 0);
    }
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* the shell was collected */
}
END_TEST

/* The shell runs everything else. */
START_TEST(what_needs_no_shell_is_run_without_one)
{
    static const char *const direct[] = {"cat",
                                         " cat\t-n ",
                                         "sort -t, -k1,2",
                                         "true",
                                         "false -x",
                                         "/bin/cat a=b ./c:d",
                                         "./there if cd :",
                                         "cat \303\244@%_+",
                                         "cat x 22 -n",
                                         "./there"};
    static const char *const shell[] = {
        "cat 'x'",  "cat \"x\"", "cat \\x",  "cat $x",      "cat `x`", "cat;",      "cat &",    "cat | cat",
        "cat <x",   "cat >x",    "(cat)",    "{ cat; }",    "cat {}",  "cat {a,b}", "cat *",    "cat ?",
        "cat [a]",  "cat ~",     "cat x~",   "cat #x",      "! cat",   "cat !",     "cat\ncat", "cat\n",
        "cat \r",   "cat \033",  "cat ^x",   "x=1 cat",     "x=1",     "exit",      "exit 3",   "cd /",
        ":",        ". ./there", "exec cat", "if",          "while :", "eval cat",  "read x",   "export x",
        "umask 77", "ulimit -n", "trap x 1", "command cat", "echo x",  "printf x",  "test x",   "[ x ]",
        "pwd",      "kill 0",    "wait",     "type cat",    "%1",      "@x",        "",         " \t",
    };
    const char *word;
    size_t length;
    write_file("there", "", 0700);
    for (size_t i = 0; i < COUNT(direct); i++)
        ck_assert_msg(command_lookup(direct[i], &word, &length) == COMMAND_PROGRAM, "%s", direct[i]);
    for (size_t i = 0; i < COUNT(shell); i++)
        ck_assert_msg(command_lookup(shell[i], &word, &length) == COMMAND_FOUND, "%s", shell[i]);
    ck_assert_int_eq(unsetenv("PATH"), 0);
    ck_assert_int_eq(command_lookup("cat", &word, &length), COMMAND_FOUND);
}
END_TEST

START_TEST(shell_syntax_is_any_character_that_is_not_plain)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 \t@%_+:,./=-";
    char text[] = "x ?y";
    for (int byte = 1; byte < 256; byte++) {
        text[2] = (char)byte;
        ck_assert_msg(command_has_shell_syntax(text) == (byte < 128 && strchr(plain, byte) == NULL), "%d", byte);
    }
}
END_TEST

START_TEST(a_program_is_looked_for_where_exec_looks)
{
    write_file("there", "", 0700);
    write_file("here", "", 0600);
    ck_assert_int_eq(mkdir("second", 0700), 0);
    write_file("second/here", "", 0700);
    ck_assert_int_eq(setenv("PATH", "/none:second:/bin", 1), 0);
    ck_assert_int_eq(command_lookup_program("here"), COMMAND_PROGRAM);
    ck_assert_int_eq(command_lookup_program("there"), COMMAND_MISSING);
    ck_assert_int_eq(command_lookup_program("./there"), COMMAND_PROGRAM);
    ck_assert_int_eq(command_lookup_program("./here"), COMMAND_NOT_EXECUTABLE);
    ck_assert_int_eq(command_lookup_program("./second"), COMMAND_NOT_EXECUTABLE);
    ck_assert_int_eq(setenv("PATH", ":second", 1), 0); /* an empty one is this directory */
    ck_assert_int_eq(command_lookup_program("there"), COMMAND_PROGRAM);
    ck_assert_int_eq(command_lookup_program("here"), COMMAND_PROGRAM);
    ck_assert_int_eq(setenv("PATH", "/none:", 1), 0);
    ck_assert_int_eq(command_lookup_program("here"), COMMAND_NOT_EXECUTABLE);
    ck_assert_int_eq(unsetenv("PATH"), 0);
    ck_assert_int_eq(command_lookup_program("sh"), COMMAND_PROGRAM);
}
END_TEST

START_TEST(looking_for_a_command_leaves_no_memory)
{
    const char *word;
    size_t length;
    ck_assert_int_eq(command_lookup("cat", &word, &length), COMMAND_PROGRAM);
    const struct mallinfo2 before = mallinfo2();
    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(command_lookup("cat", &word, &length), COMMAND_PROGRAM);
    const struct mallinfo2 after = mallinfo2();
    ck_assert_uint_lt(after.uordblks, before.uordblks + 10000);
}
END_TEST

/* ------------------------------------------------------------------ the watcher */

/* A consumer with a command; reports the watcher's number, and waits for its end. */
static void have_a_command(void *context)
{
    struct process_group_watch watch;
    struct command command;
    const bool forgets = *(const bool *)context;
    process_require_equal(process_group_watch_start(&watch, 1), 0);
    process_require_equal(start_shell(&command, "sleep 300 & echo $! >sleeper; wait", watch.slots), 0);
    while (forgets && !has_content("sleeper"))
        continue; /* by then the command has said that it is to be watched */
    if (forgets)
        process_group_set(watch.slots, 0);
    process_report((uint64_t)watch.pid);
    process_report((uint64_t)command.pid);
    (void)process_await_order();
}

static size_t descriptors_of(pid_t pid)
{
    char line[128];
    snprintf(line, sizeof(line), "ls /proc/%d/fd | tr '\\n' ' ' >descriptors; echo >>descriptors", (int)pid);
    ck_assert_int_eq(system(line), 0);
    return strlen(content("descriptors"));
}

static bool has_one_descriptor(void *context)
{
    return descriptors_of(*(pid_t *)context) == strlen("0 \n");
}

static bool is_called_watch(void *context)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)*(pid_t *)context);
    return strcmp(content(path), "consumer-watch\n") == 0;
}

/* When the consumer dies, all of the command ends. */
static void let_die(bool ends_it)
{
    struct process consumer;
    bool forgets = !ends_it;
    process_start(&consumer, have_a_command, &forgets);
    pid_t watcher = (pid_t)process_hear(&consumer);
    pid_t shell = (pid_t)process_hear(&consumer);
    pid_t sleeper = number_in("sleeper");
    process_wait_until(is_called_watch, &watcher, "the watcher has its name");
    process_wait_until(has_one_descriptor, &watcher, "the watcher has nothing open but its pipe");
    ck_assert_int_eq(getpgid(watcher), watcher);
    ck_assert_int_eq(getpgid(sleeper), shell);
    for (int number = 1; number < 13; number++) {
        if (number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT || number == SIGUSR1 ||
            number == SIGUSR2)
            ck_assert_int_eq(kill(watcher, number), 0);
    }
    ck_assert_int_eq(kill(watcher, SIGTSTP), 0);
    process_kill(&consumer);
    process_wait_until(is_gone, &watcher, "the watcher ends");
    if (ends_it) {
        process_wait_until(is_gone, &sleeper, "what the command has started ends");
        process_wait_until(is_gone, &shell, "the command ends");
    } else {
        ck_assert(!is_gone(&sleeper));
        ck_assert_int_eq(kill(sleeper, SIGKILL), 0);
    }
}

START_TEST(a_command_ends_with_its_consumer)
{
    let_die(true);
}
END_TEST

START_TEST(what_is_not_watched_goes_on)
{
    let_die(false);
}
END_TEST

START_TEST(an_old_kernel_s_watcher_has_nothing_open_either)
{
    without_close_range = true;
    let_die(true);
}
END_TEST

enum { COMMANDS = 5 };

/* A consumer with several commands, one of which has ended. */
static void have_commands(void *context)
{
    struct process_group_watch watch;
    struct command commands[COMMANDS];
    char text[96];
    (void)context;
    process_require_equal(process_group_watch_start(&watch, COMMANDS), 0);
    for (int i = 0; i < COMMANDS; i++) {
        snprintf(text, sizeof(text), "sleep 300 & echo $! >sleeper%d; wait", i);
        process_require_equal(start_shell(&commands[i], text, &watch.slots[i]), 0);
    }
    process_report((uint64_t)watch.pid);
    (void)process_await_order();
    process_group_set(&watch.slots[2], 0);
    process_report(0);
    (void)process_await_order();
}

START_TEST(all_commands_end_with_their_consumer)
{
    struct process consumer;
    pid_t sleepers[COMMANDS];
    process_start(&consumer, have_commands, NULL);
    pid_t watcher = (pid_t)process_hear(&consumer);
    for (int i = 0; i < COMMANDS; i++) {
        char file[32];
        snprintf(file, sizeof(file), "sleeper%d", i);
        sleepers[i] = number_in(file);
    }
    process_order(&consumer, 0);
    (void)process_hear(&consumer);
    process_kill(&consumer);
    process_wait_until(is_gone, &watcher, "the watcher ends");
    for (int i = 0; i < COMMANDS; i++) {
        if (i != 2)
            process_wait_until(is_gone, &sleepers[i], "what a command has started ends");
    }
    ck_assert(!is_gone(&sleepers[2]));
    ck_assert_int_eq(kill(sleepers[2], SIGKILL), 0);
}
END_TEST

/* Starts a command, and ends only when it is told to. */
struct starter {
    struct command command;
    struct process_group_slot *slot;
    sem_t may_end;
};

static void *start_and_wait(void *context)
{
    struct starter *starter = context;
    ck_assert_int_eq(start_shell(&starter->command,
                                 "echo $$ >shell; grep SigBlk /proc/self/status >mask; exec sleep 300",
                                 starter->slot),
                     0);
    while (sem_wait(&starter->may_end) != 0)
        continue;
    return NULL;
}

/* So a thread has to wait for its command's end. */
START_TEST(a_command_lives_as_long_as_the_thread_that_started_it)
{
    struct process_group_watch watch;
    struct starter starter;
    pthread_t thread;
    ck_assert_int_eq(process_group_watch_start(&watch, 1), 0);
    starter.slot = watch.slots;
    stop_init();
    ck_assert_int_eq(sem_init(&starter.may_end, 0, 0), 0);
    ck_assert_int_eq(stop_start_thread(&thread, start_and_wait, &starter), 0);
    pid_t shell = number_in("shell");
    process_wait_until(has_content, "mask", "the command writes its mask");
    ck_assert_str_eq(content("mask"), "SigBlk:\t0000000000000000\n");
    ck_assert(!command_has_ended(&starter.command));
    ck_assert_int_eq(sem_post(&starter.may_end), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    process_wait_until(has_ended, &starter.command, "the command ends");
    ck_assert_int_eq(starter.command.pid, shell);
    int status = command_reap(&starter.command);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    process_group_watch_stop(&watch);
}
END_TEST

START_TEST(a_watcher_ends_when_it_is_told_to)
{
    struct process_group_watch watch;
    ck_assert_int_eq(process_group_watch_start(&watch, 1), 0);
    pid_t pid = watch.pid;
    int fd = watch.fd;
    ck_assert_int_eq(kill(pid, 0), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    process_group_watch_stop(&watch);
    ck_assert_int_eq(watch.pid, -1);
    ck_assert_int_eq(watch.fd, -1);
    ck_assert_int_eq(kill(pid, 0), -1);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
    process_group_watch_stop(&watch);
    /* It may be gone before. */
    ck_assert_int_eq(process_group_watch_start(&watch, 1), 0);
    ck_assert_int_eq(kill(watch.pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(watch.pid, NULL, 0), watch.pid);
    process_group_set(watch.slots, 5);
    process_group_watch_stop(&watch);
    size_t before = count_open();
    fork_error = EAGAIN;
    ck_assert_int_eq(process_group_watch_start(&watch, 1), -EAGAIN);
    ck_assert_int_eq(watch.pid, -1);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
    ck_assert_uint_eq(count_open(), before);
    pipe_error = EMFILE;
    ck_assert_int_eq(process_group_watch_start(&watch, 1), -EMFILE);
    ck_assert_int_eq(watch.pid, -1);
    ck_assert_int_eq(watch.fd, -1);
}
END_TEST

/* ------------------------------------------------------------------ sinks */

static struct consumer_options options;
static struct totals totals;
static const char *name;
static struct shmq *producer;
static struct shmq *consumer;
static struct sink *sink;
static struct process_group_slot slot;
static struct shmq_message messages[8];
static size_t leased;

static void begin_sink(void)
{
    struct shmq_options small = planted_small();
    begin();
    small.capacity_bytes = 4 << 20;
    small.max_message_bytes = 2 << 20;
    name = test_name("commands");
    producer = planted_open(name, SHMQ_PRODUCER, &small);
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    options = (struct consumer_options){.framing = {.delimiter = '\n', .prefix = ""},
                                        .retries = 3,
                                        .backoff_min_ns = 50 * MS,
                                        .backoff_max_ns = 120 * MS};
    options.common.queue = name;
    totals_init(&totals, &(struct consumer_options){0});
}

static void end_sink(void)
{
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    ck_assert_uint_eq(test_leftovers(name), 0);
    end();
}

static void put(const char *text)
{
    planted_put(producer, text);
}

static void open_exec(const char *command)
{
    options.sink = SINK_EXEC;
    options.target = command;
    sink = sink_open(&options, &totals);
    ck_assert_ptr_nonnull(sink);
    sink->handle = consumer;
    sink->slot = &slot;
}

static void open_pipe(const char *command)
{
    options.sink = SINK_PIPE;
    options.target = command;
    sink = sink_open(&options, &totals);
    ck_assert_ptr_nonnull(sink);
    sink->handle = consumer;
    sink->slot = &slot;
}

/* Leases all that is there, delivers it, and acknowledges what was done. */
static void expect_delivery(enum sink_result expected, size_t expected_done)
{
    size_t done = 99;
    heard[0] = '\0';
    sleeps = 0;
    if (leased == 0)
        ck_assert_int_eq(shmq_lease_many(consumer, messages, 8, &leased, 0), 0);
    enum sink_result result = sink->operations->deliver(sink, messages, leased, &done);
    ck_assert_msg(result == expected, "%d: %s", (int)result, heard);
    ck_assert_uint_eq(done, expected_done);
    ck_assert_int_eq(shmq_acknowledge(consumer, done), 0);
    leased -= done;
    memmove(messages, messages + done, leased * sizeof(messages[0]));
}

static void expect_close(enum sink_result expected)
{
    ck_assert_int_eq(sink->operations->close(sink), expected);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}

static void make_go(void)
{
    int fd = open("go", O_WRONLY | O_CREAT, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

/* The command has closed its stdin, and goes on until it finds a file. */
static void close_before_the_command_ends(void)
{
    pid_t pid = waitpid(-1, NULL, WNOHANG);
    ck_assert_int_eq(pid, 0);
    ck_assert_int_eq(sink->operations->close(sink), SINK_OK);
    make_go();
    ck_assert_int_gt(waitpid(-1, NULL, 0), 0);
    ck_assert_int_eq(unlink("go"), 0);
}

static void expect_sleeps(size_t count, const int64_t *expected_ms)
{
    ck_assert_uint_eq(sleeps, count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_le(sleeps_ns[i], expected_ms[i] * MS);
        ck_assert_int_gt(sleeps_ns[i], (expected_ms[i] - 40) * MS); /* some time has passed since */
    }
}

#define EXPECT_SLEEPS(...)                                                                                        \
    do {                                                                                                          \
        const int64_t list[] = {__VA_ARGS__};                                                                     \
        expect_sleeps(COUNT(list), list);                                                                         \
    } while (0)

/* ------------------------------------------------------------------ --exec */

START_TEST(each_message_has_its_command)
{
    char expected[256];
    open_exec(
        "printf '%s ' \"$(cat)\" \"$SHMQ_ATTEMPT\" \"$SHMQ_REDELIVERED\" \"$SHMQ_LANE\" \"$SHMQ_QUEUE\" >>runs");
    put("a");
    put("");
    expect_delivery(SINK_OK, 2);
    ck_assert_str_eq(heard, "");
    snprintf(expected, sizeof(expected), "a 1 0 0 %s  1 0 0 %s ", name, name);
    ck_assert_str_eq(content("runs"), expected);
    expect_close(SINK_OK);
}
END_TEST

START_TEST(a_failing_command_is_tried_again_after_ever_longer_pauses)
{
    char id[SHMQ_ID_SIZE];
    char text[256];
    open_exec("echo \"$SHMQ_ATTEMPT $SHMQ_REDELIVERED $SHMQ_ID\" >>runs; exit 9");
    put("a");
    expect_delivery(SINK_FAILED, 0);
    EXPECT_SLEEPS(50, 100, 120);
    shmq_message_id(consumer, messages, id);
    snprintf(text, sizeof(text), "1 0 %s\n2 1 %s\n3 1 %s\n4 1 %s\n", id, id, id, id);
    ck_assert_str_eq(content("runs"), text);
    snprintf(text, sizeof(text), "consumer: --exec: message %s: failed: exit status 9\n", id);
    expect_heard(text);
    snprintf(text, sizeof(text), "consumer: --exec: message %s failed 4 times: exit status 9 (", id);
    expect_heard(text);
    expect_not_heard("deferred");
    expect_close(SINK_OK);
}
END_TEST

START_TEST(a_pause_is_as_long_as_it_says)
{
    options.retries = 1;
    options.backoff_min_ns = 600 * MS;
    options.backoff_max_ns = 2000 * MS;
    open_exec("exit 1");
    put("a");
    expect_delivery(SINK_FAILED, 0);
    EXPECT_SLEEPS(250, 250, 100);
    expect_close(SINK_OK);
}
END_TEST

START_TEST(without_retries_there_is_one_attempt)
{
    options.retries = 0;
    open_exec("exit 1");
    put("a");
    expect_delivery(SINK_FAILED, 0);
    expect_heard(" failed 1 time: exit status 1 (");
    ck_assert_uint_eq(sleeps, 0);
    expect_close(SINK_OK);
}
END_TEST

START_TEST(a_failure_before_counts)
{
    open_exec("echo \"$SHMQ_ATTEMPT $SHMQ_REDELIVERED\" >>runs");
    put("a");
    ck_assert_int_eq(shmq_lease_many(consumer, messages, 8, &leased, 0), 0);
    messages[0].attempts = options.retries;
    expect_delivery(SINK_OK, 1);
    put("b");
    ck_assert_int_eq(shmq_lease_many(consumer, messages, 8, &leased, 0), 0);
    messages[0].redelivered = true;
    expect_delivery(SINK_OK, 1);
    ck_assert_str_eq(content("runs"), "4 1\n1 1\n");
    expect_close(SINK_OK);
}
END_TEST

START_TEST(one_that_has_used_up_its_attempts_is_not_run)
{
    open_exec("echo x >>runs");
    put("a");
    ck_assert_int_eq(shmq_lease_many(consumer, messages, 8, &leased, 0), 0);
    messages[0].attempts = options.retries + 1;
    expect_delivery(SINK_FAILED, 0);
    expect_heard(" has failed 4 times already (it stays");
    ck_assert_int_eq(access("runs", F_OK), -1);
    expect_close(SINK_OK);
}
END_TEST

START_TEST(a_command_may_give_up_or_defer)
{
    options.retries = 0;
    open_exec("echo x >>runs; [ \"$(wc -l <runs)\" -lt 3 ] || exit 65; exit 75");
    put("a");
    expect_delivery(SINK_FAILED, 0);
    EXPECT_SLEEPS(50, 100);
    expect_heard(": deferred: exit status 75\n");
    expect_heard(" failed 1 time: exit status 65 (");
    expect_close(SINK_OK);
}
END_TEST

START_TEST(some_messages_before_one_that_fails_are_done)
{
    options.retries = 0;
    open_exec("[ \"$(cat)\" != c ]");
    put("a");
    put("b");
    put("c");
    put("d");
    expect_delivery(SINK_FAILED, 2);
    expect_close(SINK_OK);
}
END_TEST

START_TEST(a_pause_ends_when_an_end_is_asked_for)
{
    stop_in_sleep = 2;
    options.backoff_min_ns = 600 * MS;
    open_exec("exit 1");
    put("a");
    expect_delivery(SINK_STOPPED, 0);
    ck_assert_uint_eq(sleeps, 2);
    expect_close(SINK_OK);
}
END_TEST

START_TEST(a_large_message_is_fed_as_the_command_takes_it)
{
    enum { LENGTH = 1000000 };
    char *large = malloc(LENGTH);
    memset(large, 'x', LENGTH);
    large[0] = 'a';
    large[LENGTH - 1] = 'z';
    ck_assert_int_eq(shmq_put(producer, large, LENGTH, 0), 0);
    open_exec("sleep 0.1; cat >given; wc -c <given >length; head -c 1 given >>length; tail -c 1 given >>length");
    expect_delivery(SINK_OK, 1);
    ck_assert_str_eq(content("length"), "1000000\naz");
    expect_close(SINK_OK);
    ck_assert_int_eq(shmq_put(producer, large, LENGTH, 0), 0);
    open_exec("exec <&-; sleep 0.1");
    expect_delivery(SINK_OK, 1);
    expect_close(SINK_OK);
    ck_assert_int_eq(shmq_put(producer, large, LENGTH, 0), 0);
    open_exec("true");
    expect_delivery(SINK_OK, 1);
    expect_close(SINK_OK);
    free(large);
}
END_TEST

/* Only what runs when the consumer dies ends with it. */
START_TEST(what_a_command_leaves_running_goes_on)
{
    open_exec("(until [ -e go ]; do sleep 0.02; done; echo alive >alive) &");
    put("a");
    expect_delivery(SINK_OK, 1);
    expect_close(SINK_OK);
    make_go();
    process_wait_until(has_content, "alive", "what the command has started goes on");
}
END_TEST

START_TEST(a_command_that_takes_too_long_is_ended)
{
    options.retries = 0;
    options.exec_timeout_ns = 100 * MS;
    open_exec("sleep 300 & echo $! >sleeper; wait");
    put("a");
    int64_t began = __real_stop_now_ns();
    expect_delivery(SINK_FAILED, 0);
    ck_assert_int_ge(__real_stop_now_ns() - began, 100 * MS);
    expect_heard(" failed 1 time: ended by --exec-timeout (");
    pid_t sleeper = number_in("sleeper");
    process_wait_until(is_gone, &sleeper, "what the command has started ends");
    expect_close(SINK_OK);
}
END_TEST

START_TEST(a_command_that_ignores_it_is_killed)
{
    options.retries = 0;
    options.exec_timeout_ns = 100 * MS;
    options.kill_after_ns = 1000 * MS;
    open_exec("trap 'echo asked >asked' TERM; while :; do sleep 0.05; done");
    put("a");
    int64_t began = __real_stop_now_ns();
    expect_delivery(SINK_FAILED, 0);
    ck_assert_int_ge(__real_stop_now_ns() - began, 1100 * MS);
    ck_assert_str_eq(content("asked"), "asked\n");
    expect_close(SINK_OK);
}
END_TEST

/* What it has left running when it is ended must not go on. */
START_TEST(what_ignores_the_end_that_its_command_obeys_is_killed)
{
    options.retries = 0;
    options.exec_timeout_ns = 200 * MS;
    options.kill_after_ns = 300 * MS;
    open_exec("(trap '' TERM; exec sleep 300) & echo $! >sleeper; wait");
    put("a");
    expect_delivery(SINK_FAILED, 0);
    pid_t sleeper = number_in("sleeper");
    process_wait_until(is_gone, &sleeper, "what the command has started ends");
    expect_close(SINK_OK);
}
END_TEST

START_TEST(a_command_that_is_quick_enough_is_no_failure)
{
    options.exec_timeout_ns = 60000 * MS;
    open_exec("sleep 0.1");
    put("a");
    expect_delivery(SINK_OK, 1);
    without_pidfd = true;
    put("a");
    expect_delivery(SINK_OK, 1);
    expect_close(SINK_OK);
}
END_TEST

START_TEST(what_cannot_be_started_or_counted_is_told)
{
    open_exec("exit 1");
    put("a");
    fork_error = EAGAIN;
    expect_delivery(SINK_FAILED, 0);
    expect_heard("consumer: --exec: cannot start the command: Resource temporarily unavailable (");
    fork_error = 0;
    fail_result = -ECHILD;
    expect_delivery(SINK_FAILED, 0);
    expect_heard("consumer: queue: cannot count a failed attempt: ");
    expect_close(SINK_OK);
}
END_TEST

static void open_program(char *const *words)
{
    options.sink = SINK_EXEC;
    options.program = words;
    options.target = words[0];
    sink = sink_open(&options, &totals);
    ck_assert_ptr_nonnull(sink);
    sink->handle = consumer;
    sink->slot = &slot;
}

START_TEST(a_program_has_each_message)
{
    char *const argument[] = {"sh", "-c", "echo \"<$1>$SHMQ_ATTEMPT\" >>runs; cat >>runs", "x", "a {} b", NULL};
    char *const input[] = {"sh", "-c", "cat >>runs", NULL};
    put("1");
    put("");
    put("$(exit)");
    open_program(argument);
    expect_delivery(SINK_OK, 3);
    expect_close(SINK_OK);
    ck_assert_str_eq(content("runs"), "<a 1 b>1\n<a  b>1\n<a $(exit) b>1\n");
    put("2");
    open_program(input);
    expect_delivery(SINK_OK, 1);
    expect_close(SINK_OK);
    ck_assert_str_eq(content("runs"), "<a 1 b>1\n<a  b>1\n<a $(exit) b>1\n2");
}
END_TEST

START_TEST(a_message_that_cannot_be_an_argument_fails)
{
    enum { LENGTH = 200000 };
    char *const words[] = {"true", "{}", NULL};
    char *large = malloc(LENGTH);
    memset(large, 'x', LENGTH);
    options.retries = 1;
    ck_assert_int_eq(shmq_put(producer, "a\0b", 3, 0), 0);
    open_program(words);
    expect_delivery(SINK_FAILED, 0);
    EXPECT_SLEEPS(50);
    expect_heard("consumer: true: message ");
    expect_heard(" failed 2 times: it has a NUL byte and cannot be an argument (leave out {}: ");
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    leased = 0;
    ck_assert_int_eq(shmq_put(producer, large, LENGTH, 0), 0);
    expect_delivery(SINK_FAILED, 0);
    EXPECT_SLEEPS(50);
    expect_heard(" failed 2 times: it is too long for an argument (leave out {}: ");
    expect_close(SINK_OK);
    free(large);
}
END_TEST

START_TEST(a_command_line_without_shell_syntax_needs_no_shell)
{
    options.direct = true;
    write_file("script", "#!/bin/sh\ngrep PPid /proc/$$/status >parent; cat >>parent; echo $* >>parent\n", 0700);
    open_exec("./script a\tb ");
    put("m\n");
    expect_delivery(SINK_OK, 1);
    expect_close(SINK_OK);
    char expected[64];
    snprintf(expected, sizeof(expected), "PPid:\t%d\nm\na b\n", (int)getpid());
    ck_assert_str_eq(content("parent"), expected);
}
END_TEST

/* ------------------------------------------------------------------ --pipe */

START_TEST(one_command_reads_all)
{
    open_pipe("cat >given; echo \"$SHMQ_QUEUE\" >queue");
    put("a");
    put("b");
    expect_delivery(SINK_OK, 2);
    put("c");
    expect_delivery(SINK_OK, 1);
    ck_assert_int_eq(sink->operations->check(sink), SINK_OK);
    expect_close(SINK_OK);
    ck_assert_str_eq(content("given"), "a\nb\nc\n");
    ck_assert_int_eq(strncmp(content("queue"), name, strlen(name)), 0);
    ck_assert_str_eq(heard, "");
}
END_TEST

START_TEST(statistics_are_said_while_the_command_ends)
{
    stop_init();
    open_pipe("cat >given; sleep 0.3");
    put("a");
    expect_delivery(SINK_OK, 1);
    ck_assert_int_eq(raise(SIGUSR1), 0);
    expect_close(SINK_OK);
    expect_heard("consumer: consumed 0 messages, ");
}
END_TEST

START_TEST(a_command_that_fails_in_the_end_is_told)
{
    open_pipe("cat >given; exit 3");
    put("a");
    expect_delivery(SINK_OK, 1);
    expect_close(SINK_FAILED);
    expect_heard("consumer: --pipe: the command failed: exit status 3 (");
}
END_TEST

START_TEST(a_command_that_reads_nothing_is_given_nothing_for_good)
{
    open_pipe("sleep 0.1; exit 127");
    put("a");
    expect_delivery(SINK_FAILED, 0);
    expect_heard("consumer: --pipe: the command has read nothing: exit status 127 (a command not found) (");
    expect_close(SINK_OK);
    open_pipe("exec <&-; until [ -e go ]; do sleep 0.02; done");
    expect_delivery(SINK_FAILED, 0);
    expect_heard("consumer: --pipe: the command has read nothing: it has closed its stdin (");
    close_before_the_command_ends();
}
END_TEST

/* One byte is enough to be left unread. */
START_TEST(an_empty_message_that_nobody_reads_stays)
{
    open_pipe("sleep 0.1; exit 3");
    put("");
    expect_delivery(SINK_FAILED, 0);
    expect_heard("consumer: --pipe: the command has read nothing: exit status 3 (");
    expect_close(SINK_OK);
}
END_TEST

static void ask_for_the_end(int number)
{
    stop_requested = number;
}

/* A pipe holds four of these; the request to stop comes while the fifth waits for room. */
START_TEST(what_nobody_has_read_stays_when_an_end_is_asked_for)
{
    static char block[16383];
    const struct sigaction action = {.sa_handler = ask_for_the_end};
    const struct itimerval soon = {.it_value = {.tv_usec = 100000}};
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(shmq_put(producer, block, sizeof(block), 0), 0);
    ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
    open_pipe("sleep 1; exit 3");
    ck_assert_int_eq(shmq_lease_many(consumer, messages, 8, &leased, 0), 0);
    ck_assert_uint_eq(leased, 5);
    ck_assert_int_eq(setitimer(ITIMER_REAL, &soon, NULL), 0);
    expect_delivery(SINK_FAILED, 0);
    ck_assert_int_eq(stop_requested, SIGALRM);
    expect_heard("consumer: --pipe: the command has read nothing: exit status 3 (");
    expect_close(SINK_OK);
}
END_TEST

START_TEST(a_command_that_ends_without_reading_more_is_told)
{
    open_pipe("read line; exit 4");
    put("a");
    expect_delivery(SINK_OK, 1);
    put("b");
    while (sink->operations->check(sink) == SINK_OK)
        continue;
    expect_heard("consumer: --pipe: the command stopped reading: exit status 4 (");
    expect_close(SINK_OK);
    open_pipe("read line; exec <&-; echo closed >closed; until [ -e go ]; do sleep 0.02; done");
    expect_delivery(SINK_OK, 1);
    process_wait_until(has_content, "closed", "the command closes its stdin");
    put("c");
    expect_delivery(SINK_FAILED, 0);
    expect_heard("consumer: --pipe: the command stopped reading: it has closed its stdin (");
    close_before_the_command_ends();
}
END_TEST

START_TEST(what_was_read_of_a_large_batch_is_enough_to_go_on)
{
    char line[1000];
    memset(line, 'x', sizeof(line));
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(shmq_put(producer, line, sizeof(line), 0), 0);
    open_pipe("sleep 0.1; head -c 1 >/dev/null; cat >given");
    expect_delivery(SINK_OK, 8);
    expect_close(SINK_OK);
}
END_TEST

START_TEST(a_pipe_that_cannot_be_started_is_told)
{
    fork_error = EAGAIN;
    options.sink = SINK_PIPE;
    options.target = "cat";
    ck_assert_ptr_null(sink_open(&options, &totals));
    expect_heard("consumer: --pipe: cannot start the command: Resource temporarily unavailable\n");
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("commands"),
    TEST(a_command_reads_what_it_is_given),
    TEST(reaping_ends_its_input),
    TEST(a_text_may_begin_with_a_dash),
    TEST(signals_are_a_command_s_own),
    TEST(a_signal_reaches_all_that_it_has_started),
    TEST(a_command_that_cannot_be_started_leaves_nothing),
    TEST(a_program_s_status_is_that_of_a_shell),
    TEST(a_script_may_have_many_arguments),
    TEST(what_is_too_long_is_not_started),
    TEST(a_command_may_have_its_own_environment_and_no_input),
    TEST(signals_are_as_before_once_a_command_has_started),
    TEST_EACH(the_message_stands_for_the_mark, COUNT(substitutions)),
    TEST(not_every_message_can_be_an_argument),
    TEST(a_text_is_cut_at_blanks),
    TEST(a_status_is_described),
    TEST(a_mistyped_name_is_noticed),
    TEST(what_needs_no_shell_is_run_without_one),
    TEST(shell_syntax_is_any_character_that_is_not_plain),
    TEST(a_program_is_looked_for_where_exec_looks),
    TEST(looking_for_a_command_leaves_no_memory),
    TEST(a_command_ends_with_its_consumer),
    TEST(what_is_not_watched_goes_on),
    TEST(an_old_kernel_s_watcher_has_nothing_open_either),
    TEST(all_commands_end_with_their_consumer),
    TEST(a_command_lives_as_long_as_the_thread_that_started_it),
    TEST(a_watcher_ends_when_it_is_told_to),
    TEST_GROUP("sinks", .set_up = begin_sink, .tear_down = end_sink),
    TEST(each_message_has_its_command),
    TEST(a_failing_command_is_tried_again_after_ever_longer_pauses),
    TEST(a_pause_is_as_long_as_it_says),
    TEST(without_retries_there_is_one_attempt),
    TEST(a_failure_before_counts),
    TEST(one_that_has_used_up_its_attempts_is_not_run),
    TEST(a_command_may_give_up_or_defer),
    TEST(some_messages_before_one_that_fails_are_done),
    TEST(a_pause_ends_when_an_end_is_asked_for),
    TEST(a_large_message_is_fed_as_the_command_takes_it),
    TEST(what_a_command_leaves_running_goes_on),
    TEST(a_command_that_takes_too_long_is_ended),
    TEST(a_command_that_ignores_it_is_killed),
    TEST(what_ignores_the_end_that_its_command_obeys_is_killed),
    TEST(a_command_that_is_quick_enough_is_no_failure),
    TEST(what_cannot_be_started_or_counted_is_told),
    TEST(a_program_has_each_message),
    TEST(a_message_that_cannot_be_an_argument_fails),
    TEST(a_command_line_without_shell_syntax_needs_no_shell),
    TEST(one_command_reads_all),
    TEST(statistics_are_said_while_the_command_ends),
    TEST(a_command_that_fails_in_the_end_is_told),
    TEST(a_command_that_reads_nothing_is_given_nothing_for_good),
    TEST(an_empty_message_that_nobody_reads_stays),
    TEST(what_nobody_has_read_stays_when_an_end_is_asked_for),
    TEST(a_command_that_ends_without_reading_more_is_told),
    TEST(what_was_read_of_a_large_batch_is_enough_to_go_on),
    TEST(a_pipe_that_cannot_be_started_is_told),
};

TEST_SUITE("consumer_commands", tests, .seconds = 30, .set_up = begin, .tear_down = end);
