// A program that takes its signals in sigwait() gets them: the library's threads take none. Needs a process
// of its own, because a signal that a thread takes by default ends the process.

#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_thread.hpp>

#include <csignal>

#include <pthread.h>
#include <unistd.h>

namespace {

using namespace support;
using syncopate::ThreadRunner;

void require_sent_and_taken(int signal) {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, signal);
    require(::kill(::getpid(), signal) == 0, "a signal is sent");
    int taken = 0;
    require(::sigwait(&set, &taken) == 0 && taken == signal, "sigwait takes the signal");
}

}  // namespace

int main() {
    ThreadRunner runner;
    require(runner.run(twice(21)) == 42, "the loop runs");
    require(runner.run(syncopate::to_thread([] { return 42; })) == 42, "a worker works");

    // Blocked here only after those threads were started: they have not inherited it.
    sigset_t taken_here;
    ::sigemptyset(&taken_here);
    ::sigaddset(&taken_here, SIGUSR1);
    ::sigaddset(&taken_here, SIGTERM);
    require(::pthread_sigmask(SIG_BLOCK, &taken_here, nullptr) == 0, "the signals are blocked");
    for (int i = 0; i < 100; ++i) {
        require_sent_and_taken(SIGUSR1);
        require_sent_and_taken(SIGTERM);
    }

    // Whoever starts them keeps the mask that it had.
    sigset_t now;
    require(::pthread_sigmask(SIG_BLOCK, nullptr, &now) == 0, "the mask can be read");
    require(::sigismember(&now, SIGINT) == 0, "the starting thread has its mask back");
}
