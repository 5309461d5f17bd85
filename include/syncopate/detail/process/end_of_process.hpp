// describe_end(): how a process has ended, in words.
#pragma once

#include <csignal>
#include <string>

#include <sys/wait.h>

namespace syncopate::inline v0_1::detail {

inline char const* name_of_signal(int number) noexcept {
    switch (number) {
    case SIGABRT: return "SIGABRT, aborted";
    case SIGALRM: return "SIGALRM, alarm clock";
    case SIGBUS: return "SIGBUS, bus error";
    case SIGFPE: return "SIGFPE, arithmetic error";
    case SIGHUP: return "SIGHUP, hang-up";
    case SIGILL: return "SIGILL, illegal instruction";
    case SIGINT: return "SIGINT, interrupted";
    case SIGKILL: return "SIGKILL, killed";
    case SIGPIPE: return "SIGPIPE, broken pipe";
    case SIGQUIT: return "SIGQUIT, quit";
    case SIGSEGV: return "SIGSEGV, segmentation fault";
    case SIGSYS: return "SIGSYS, bad system call";
    case SIGTERM: return "SIGTERM, terminated";
    case SIGTRAP: return "SIGTRAP, trap";
    case SIGUSR1: return "SIGUSR1";
    case SIGUSR2: return "SIGUSR2";
    case SIGXCPU: return "SIGXCPU, too much processor time";
    case SIGXFSZ: return "SIGXFSZ, file too large";
    default: return nullptr;
    }
}

/// status:      what waitpid() has told.
/// was_forced:  it had closed its connection, and was killed when it did not end.
inline std::string describe_end(int status, bool was_forced) {
    std::string const who = "the worker process ";
    if (was_forced)
        return who + "has closed its connection, as exec() does, and was killed";
    if (WIFEXITED(status))
        return who + "has ended by itself, with status " + std::to_string(WEXITSTATUS(status));
    int const number = WTERMSIG(status);
    char const* const name = name_of_signal(number);
    return who + "was ended by signal " + std::to_string(number) +
           (name ? " (" + std::string(name) + ')' : std::string());
}

}  // namespace syncopate::inline v0_1::detail
