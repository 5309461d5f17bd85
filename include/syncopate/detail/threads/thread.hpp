// start_thread(): starts a thread of the library's, which takes no signal of the program. join_until(): waits
// for its end. SignalBlocker: keeps the signals away from the calling thread. name_this_thread(): gives it a name that
// debuggers and ps show. schedule_as_main_thread(): gives it the affinity and the policy of the main thread.
#pragma once

#include <syncopate/detail/system/system.hpp>
#include <syncopate/detail/threads/running_threads.hpp>
#include <syncopate/detail/wait/deadline.hpp>

#include <algorithm>
#include <chrono>
#include <thread>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

using system::name_this_thread;
using system::schedule_as_main_thread;
using system::SignalBlocker;

/// The system's, or the list of threads where it has none.
using Joining =
    std::conditional_t<std::is_void_v<system::Joining>, RunningThreads, system::Joining>;

/// The thread inherits the mask of a SignalBlocker: a program takes its signals where it expects them, in a
/// handler on a thread of its own or in sigwait(). Asio does the same with the threads that it makes. Its
/// scheduling is that of the main thread, whoever starts it.
///
/// Throws: std::system_error if the system has no thread to give.
template <class F>
std::thread start_thread(F function) {
    SignalBlocker const blocked;
    Joining::Start start;
    std::thread thread([function = std::move(function)]() mutable {
        Joining::mark_thread();
        schedule_as_main_thread();
        function();
    });
    start.note(thread);
    return thread;
}

/// Waits for the end of a thread, which is joined then, and forgotten by the object. Returns whether that came
/// before the deadline: objects of the thread's own may take long to destroy.
inline bool join_until(std::thread& thread, Deadline deadline) noexcept {
    using namespace std::chrono_literals;
    if (deadline == no_deadline) {
        thread.join();
        return true;
    }
    for (auto pause = 20us; !Joining::try_join(thread);) {
        if (Deadline::clock::now() >= deadline)
            return false;
        std::this_thread::sleep_for(pause);
        pause = (std::min)(pause * 2, std::chrono::microseconds(5ms));
    }
    return true;
}

}  // namespace syncopate::inline v0_1::detail
