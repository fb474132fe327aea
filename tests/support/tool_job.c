/* SPDX-License-Identifier: MIT */
/*
 * A job of the storm: tool_job DIRECTORY, with its number on stdin. Appends "NUMBER SHMQ_ID SHMQ_ATTEMPT" to
 * DIRECTORY/runs; by its number, it may fail, kill its consumer, or hang, three times out of four; else it appends
 * its number to DIRECTORY/done. Each line is one write. tool_job DIRECTORY answer: the same for each line of
 * stdin, as a command of --pipe-ack.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static int append(const char *directory, const char *name, const char *line)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    ssize_t written = write(fd, line, strlen(line));
    close(fd);
    return written == (ssize_t)strlen(line) ? 0 : -1;
}

static void wait_for_the_end(void)
{
    for (;;)
        pause();
}

/* Its parent, unless that has died already and this is now somebody else's child. */
static void kill_consumer(void)
{
    char path[64];
    char name[16] = "";
    pid_t parent = getppid();
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)parent);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, name, 9) == 9 && memcmp(name, "consumer\n", 9) == 0 && getppid() == parent)
        kill(parent, SIGKILL);
    wait_for_the_end();
}

/* Return: whether it fails. */
static bool misbehave(unsigned long number)
{
    unsigned long kind = number * 7919 % 1000;
    unsigned char chance = 0;
    if (kind > 11 || getrandom(&chance, 1, 0) != 1 || chance < 64)
        return false;
    if (kind == 11)
        wait_for_the_end();
    if (kind == 10)
        kill_consumer();
    return true;
}

/* Return: 0; 1: the job has failed; 3: something else. */
static int run(const char *directory, const char *number, const char *id, const char *attempt)
{
    char line[256];
    snprintf(line, sizeof(line), "%s %s %s\n", number, id, attempt);
    if (append(directory, "runs", line) < 0)
        return 3;
    if (misbehave(strtoul(number, NULL, 10)))
        return 1;
    snprintf(line, sizeof(line), "%s\n", number);
    return append(directory, "done", line) < 0 ? 3 : 0;
}

/* Every other failure is a death. */
static int answer_all(const char *directory)
{
    char number[32];
    while (fgets(number, sizeof(number), stdin) != NULL) {
        unsigned char chance = 0;
        number[strcspn(number, "\n")] = '\0';
        int result = run(directory, number, "-", "-");
        if (result > 1 || (result == 1 && getrandom(&chance, 1, 0) == 1 && chance < 128))
            return result;
        puts(result == 0 ? "ok" : "retry");
        fflush(stdout);
    }
    return 0;
}

int main(int count, char **arguments)
{
    const char *id = getenv("SHMQ_ID");
    const char *attempt = getenv("SHMQ_ATTEMPT");
    char number[32];
    if (count == 3 && strcmp(arguments[2], "answer") == 0)
        return answer_all(arguments[1]);
    ssize_t length = read(0, number, sizeof(number) - 1);
    if (count != 2 || length <= 0 || id == NULL || attempt == NULL)
        return 2;
    number[length] = '\0';
    return run(arguments[1], number, id, attempt);
}
