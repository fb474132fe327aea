// SPDX-License-Identifier: MIT
#include "bench/optional/boost_queue.h"

#include <boost/interprocess/ipc/message_queue.hpp>
#include <exception>

using boost::interprocess::message_queue;

void *boost_queue_create(const char *name, size_t messages, size_t bytes)
{
    try {
        return new message_queue(boost::interprocess::create_only, name, messages, bytes,
                                 boost::interprocess::permissions(0600));
    } catch (const std::exception &) {
        return nullptr;
    }
}

void *boost_queue_open(const char *name)
{
    try {
        return new message_queue(boost::interprocess::open_only, name);
    } catch (const std::exception &) {
        return nullptr;
    }
}

int boost_queue_send(void *queue, const void *data, size_t length)
{
    try {
        static_cast<message_queue *>(queue)->send(data, length, 0);
        return 0;
    } catch (const std::exception &) {
        return -1;
    }
}

int boost_queue_receive(void *queue, void *buffer, size_t size, size_t *length)
{
    try {
        message_queue::size_type received;
        unsigned priority;
        static_cast<message_queue *>(queue)->receive(buffer, size, received, priority);
        *length = received;
        return 0;
    } catch (const std::exception &) {
        return -1;
    }
}

void boost_queue_close(void *queue)
{
    delete static_cast<message_queue *>(queue);
}

void boost_queue_remove(const char *name)
{
    message_queue::remove(name);
}
