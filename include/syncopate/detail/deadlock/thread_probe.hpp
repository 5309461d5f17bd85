// ThreadProbe: asks an execution context that does not tell how many threads run it whether there is another one.
#pragma once

#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// An io_context is most often run by one thread. Whether another one is free is seen by what a handler does that
/// is posted to it: it runs, or it does not.
class ThreadProbe : public std::enable_shared_from_this<ThreadProbe> {
public:
    using Handler = std::function<void()>;
    using Post = std::function<void(Handler)>;

    struct Question {
        std::atomic<bool> is_over{false};
        OneShotEvent answered;
    };

    explicit ThreadProbe(Post post) noexcept : post_(std::move(post)) {}

    /// Whether a thread runs a handler soon. On a thread that holds up one of the execution context's, or is one.
    bool finds_another() {
        auto const question = ask();
        question->answered.wait_until(deadline_after(patience));
        // Later the thread that was in the way runs the handler, which is no answer.
        bool const found = question->is_over.exchange(true, std::memory_order_relaxed);
        if (found)
            found_.store(true, std::memory_order_relaxed);
        return found;
    }

    /// Posts a handler to the execution context, which answers when it runs.
    std::shared_ptr<Question> ask() {
        auto question = std::make_shared<Question>();
        std::lock_guard const lock(mutex_);
        if (post_)
            post_([question] {
                if (!question->is_over.exchange(true, std::memory_order_relaxed))
                    question->answered.set();
            });
        return question;
    }

    /// Whether finds_another() ever was true.
    bool found_another() const noexcept { return found_.load(std::memory_order_relaxed); }

    /// The execution context belongs to somebody else, who may end it from now on.
    void detach() noexcept {
        std::lock_guard const lock(mutex_);
        post_ = nullptr;
    }

private:
    /// Far more than an idle thread takes to wake up.
    static constexpr std::chrono::milliseconds patience{50};

    std::mutex mutex_;
    Post post_;
    std::atomic<bool> found_{false};
};

}  // namespace syncopate::inline v0_1::detail
