/* SPDX-License-Identifier: MIT */
/*
 * A job of the storm: tool_job DIRECTORY, with its number on stdin. Appends "NUMBER SHMQ_ID SHMQ_ATTEMPT" to
 * DIRECTORY/runs; by its number, it may fail, kill its consumer, or hang, three times out of four; else it appends
 * its number to DIRECTORY/done. Each line is one write.
 */
#include <fcntl.h>
#include <signal.h>
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

static void misbehave(unsigned long number)
{
    unsigned long kind = number * 7919 % 1000;
    unsigned char chance = 0;
    if (kind > 11 || getrandom(&chance, 1, 0) != 1 || chance < 64)
        return;
    if (kind == 11)
        wait_for_the_end();
    if (kind == 10)
        kill_consumer();
    exit(1);
}

int main(int count, char **arguments)
{
    char number[32];
    char line[256];
    ssize_t length = read(0, number, sizeof(number) - 1);
    const char *id = getenv("SHMQ_ID");
    const char *attempt = getenv("SHMQ_ATTEMPT");
    if (count != 2 || length <= 0 || id == NULL || attempt == NULL)
        return 2;
    number[length] = '\0';
    snprintf(line, sizeof(line), "%s %s %s\n", number, id, attempt);
    if (append(arguments[1], "runs", line) < 0)
        return 3;
    misbehave(strtoul(number, NULL, 10));
    snprintf(line, sizeof(line), "%s\n", number);
    return append(arguments[1], "done", line) < 0 ? 3 : 0;
}
