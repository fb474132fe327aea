/* SPDX-License-Identifier: MIT */
#include <signal.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "consumer/command_line.h"
#include "consumer/workers.h"

int main(int argc, char **argv)
{
    struct consumer_options options;

    say_init("consumer", argc, argv);
    signal(SIGCHLD, SIG_DFL); /* if inherited as ignored, waitpid would not return the commands' exit statuses */
    consumer_options_read(&options, argc, argv);
    stop_init();
    signal(SIGXFSZ, SIG_IGN); /* EFBIG is reported instead */
    options.common.shmq.stop = stop_flag();
    return run(&options);
}
