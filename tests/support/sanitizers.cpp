// The sanitizers' settings, in the programs themselves: they hold however a program is started.
// Without a sanitizer nobody calls these functions.

#include "thread_sanitizer.hpp"

#ifdef SYNCOPATE_UNDER_THREAD_SANITIZER
#include <thread>

namespace {

// With the first thread of a program ThreadSanitizer starts one of its own, which stays. That has to
// be over before a test counts threads.
[[maybe_unused]] bool const background_thread_is_up = (std::thread([] {}).join(), true);

}  // namespace
#endif

#include <sys/types.h>
#include <unistd.h>

namespace {
pid_t const process = ::getpid();
}

#ifdef SYNCOPATE_SYMBOLIZER
#define SYNCOPATE_SYMBOLIZER_OPTION ":external_symbolizer_path=" SYNCOPATE_SYMBOLIZER
#else
#define SYNCOPATE_SYMBOLIZER_OPTION ""
#endif

extern "C" {

// A call's state lies in its caller's frame: use of it after the return is what to look for.
char const* __asan_default_options() {
    return "detect_stack_use_after_return=1:strict_string_checks=1" SYNCOPATE_SYMBOLIZER_OPTION;
}

// In a forked child LeakSanitizer takes for lost what is owned on the stacks of threads that are not there.
int __lsan_is_turned_off() {
    return ::getpid() == process ? 0 : 1;
}

char const* __ubsan_default_options() {
    return "print_stacktrace=1" SYNCOPATE_SYMBOLIZER_OPTION;
}

char const* __tsan_default_options() {
    return "halt_on_error=1:second_deadlock_stack=1:die_after_fork=0" SYNCOPATE_SYMBOLIZER_OPTION;
}

// A std::promise shares its state with the future, and so may be the last to let go of the exception
// that the future's owner has read. libstdc++ counts the references to an exception where
// ThreadSanitizer does not see it.
char const* __tsan_default_suppressions() {
    return "race:std::__future_base::_Result<*>::_M_destroy\n";
}

}  // extern "C"
