// The way back to the coroutines of one execution context, for threads that may outlive it.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/wait_graph.hpp>
#include <syncopate/detail/loop/work_executor.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/wait/deadline.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace syncopate::detail {

class Suspension;

/// Open as long as the execution context is there. Whoever posts to the context from outside does so
/// under the lock, and so not to a context that has gone.
///
/// The end. The context's shutdown shuts the path, and then destroys what is pending in the context.
/// What waits for other threads is pending here. It is destroyed last, because what those threads are
/// doing may refer to it, and may wait for something that is pending in the context. So the shutdown
/// posts a handler; when that is destroyed, it destroys here what no thread uses any more, and as long as
/// there is more, posts itself again, behind whatever was posted meanwhile.
class ReturnPath {
public:
    static std::shared_ptr<ReturnPath> of(boost::asio::any_io_executor const& executor);

    explicit ReturnPath(boost::asio::execution_context& context) noexcept : context_(context) {}

    /// The runner's loop, if it owns the context.
    Bridge* loop() const noexcept { return loop_; }
    void set_loop(Bridge& loop) {
        name_ = loop.options().name();
        may_look_ = loop.may_look();
        loop_ = &loop;
    }
    /// Whether it makes sense for a waiting thread to look for what the loop does.
    bool may_look() const noexcept { return may_look_; }

    LoopIdentity identity() const noexcept { return {&name_, loop_, &context_}; }

    /// Calls f, unless the path is shut. Returns whether f succeeded.
    /// Throws: what f throws, unless it is that the loop has ended.
    template <class F>
    bool if_open(F f) {
        std::lock_guard const lock(mutex_);
        if (!is_open_)
            return false;
        try {
            f();
        } catch (std::system_error const&) {
            return false;
        }
        return true;
    }

    /// The threads that do the work of coroutines that do not say who shall. They are closed with the
    /// context.
    /// make: makes them, the first time.
    template <class Make>
    std::shared_ptr<OwnWorkPlace> workers(Make make) {
        std::lock_guard const lock(mutex_);
        if (!workers_)
            workers_ = make();
        return workers_;
    }

    /// Closes them, and returns whether they had ended before the deadline.
    bool close_workers(Deadline deadline) noexcept {
        std::unique_lock lock(mutex_);
        auto const workers = workers_;
        lock.unlock();
        return !workers || workers->close_until(deadline);
    }

    /// What they are doing, in words.
    std::string work() const {
        std::lock_guard const lock(mutex_);
        return workers_ ? workers_->description() : std::string();
    }

    // Of Suspension.
    void add(Suspension& suspension) noexcept;
    void remove(Suspension& suspension) noexcept;

private:
    friend class ReturnService;

    // The handler that destroys, last of all.
    class LastHandler {
    public:
        LastHandler(
            std::shared_ptr<ReturnPath> path, boost::asio::any_io_executor executor) noexcept
            : path_(std::move(path)), executor_(std::move(executor)) {}
        LastHandler(LastHandler&&) = default;
        LastHandler& operator=(LastHandler&&) = delete;
        ~LastHandler() {
            if (path_)
                end();
        }
        void operator()() const noexcept {}

        /// Posts itself. Returns whether it is gone.
        bool post() noexcept {
            LastHandler next(std::move(path_), executor_);
            try {
                boost::asio::post(executor_, std::move(next));
            } catch (...) {
                path_ = std::move(next.path_);  // no memory: it goes on here
            }
            return !path_;
        }

    private:
        void end() noexcept {
            while (!path_->drop_what_is_settled()) {
                std::this_thread::sleep_for(std::chrono::microseconds(100));
                if (post())
                    return;
            }
            path_->close_workers(Deadline::max());
        }

        std::shared_ptr<ReturnPath> path_;
        boost::asio::any_io_executor executor_;
    };

    /// Shuts the path. The context is about to destroy what is pending.
    static void shut(std::shared_ptr<ReturnPath> const& path) noexcept;

    /// Destroys what waits here and is used by nobody. Returns whether that was all.
    bool drop_what_is_settled() noexcept;
    Suspension* take_newest() noexcept;

    boost::asio::execution_context const& context_;
    std::string name_ = "event loop";
    Bridge* loop_ = nullptr;
    bool may_look_ = true;

    mutable std::mutex mutex_;
    bool is_open_ = true;
    IntrusiveList<Suspension> suspensions_;
    boost::asio::any_io_executor executor_;
    std::shared_ptr<OwnWorkPlace> workers_;
};

/// Keeps the path of an execution context, and tells it when that ends.
class ReturnService final : public boost::asio::execution_context::service {
public:
    inline static boost::asio::execution_context::id id;

    explicit ReturnService(boost::asio::execution_context& context)
        : service(context), path_(std::make_shared<ReturnPath>(context)) {}

    std::shared_ptr<ReturnPath> const& path() const noexcept { return path_; }

private:
    void shutdown() override { ReturnPath::shut(path_); }

    std::shared_ptr<ReturnPath> const path_;
};

inline std::shared_ptr<ReturnPath> ReturnPath::of(boost::asio::any_io_executor const& executor) {
    auto& context = boost::asio::query(executor, boost::asio::execution::context);
    auto path = boost::asio::use_service<ReturnService>(context).path();
    std::lock_guard const lock(path->mutex_);
    if (!path->executor_)
        path->executor_ = without_strand(executor);
    return path;
}

inline void ReturnPath::shut(std::shared_ptr<ReturnPath> const& path) noexcept {
    std::unique_lock lock(path->mutex_);
    path->is_open_ = false;
    auto executor = std::move(path->executor_);
    lock.unlock();
    if (executor)
        static_cast<void>(LastHandler(path, std::move(executor)).post());
}

}  // namespace syncopate::detail
