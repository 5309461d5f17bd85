// Desertion: finds out, for a thread that waits, that nobody runs a portal's io_context any more.
#pragma once

#include <syncopate/detail/deadlock/thread_probe.hpp>
#include <syncopate/detail/loop/loop_threads.hpp>
#include <syncopate/detail/wait/deadline.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// An io_context that has been stopped may soon be run again: a host that polls it once a frame leaves it stopped in
/// between. So a handler is posted to it, and only if that does not run either, it has been deserted. In the child of
/// a fork the same is asked of an io_context that the parent has made, because the parent's threads are not there.
class Desertion {
public:
    enum class Found { alive, silent, deserted };

    /// From one look to the next, and how long nobody may run it.
    static constexpr std::chrono::milliseconds look_after{100};
    static constexpr std::chrono::milliseconds patience{1000};
    static constexpr std::chrono::milliseconds short_patience{200};  // of a caller whose time is up
    // In the child of a fork nobody has stopped it, and whoever runs it may be busy.
    static constexpr std::chrono::milliseconds patience_of_child{2000};

    enum class Suspect { stopped, left_in_parent };

    /// While the execution context is there.
    Found look(
        LoopThreads const& threads, ThreadProbe& probe, Suspect suspect, bool is_late) noexcept {
        if (suspect == Suspect::stopped && !threads.have_left()) {
            question_ = nullptr;
            return Found::alive;
        }
        auto const now = Deadline::clock::now();
        if (question_ && !question_->is_over.load(std::memory_order_relaxed))
            return now - since_ >= patience_for(suspect, is_late) ? Found::deserted : Found::silent;
        bool const was_answered = question_ != nullptr;
        try {
            question_ = probe.ask();
        } catch (std::exception const&) {
            return Found::alive;  // without memory it is asked later
        }
        since_ = now;
        return was_answered ? Found::alive : Found::silent;
    }

private:
    static std::chrono::milliseconds patience_for(Suspect suspect, bool is_late) noexcept {
        if (suspect == Suspect::left_in_parent)
            return patience_of_child;
        return is_late ? short_patience : patience;
    }

    std::shared_ptr<ThreadProbe::Question> question_;
    Deadline since_;
};

}  // namespace syncopate::inline v0_1::detail
