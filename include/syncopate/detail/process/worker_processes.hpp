// WorkerProcesses: a ProcessPool: its lock, its thread, and how it is closed.
#pragma once

#include <syncopate/detail/error/thrown_by.hpp>
#include <syncopate/detail/process/end_of_process.hpp>
#include <syncopate/detail/process/process_protocol.hpp>
#include <syncopate/detail/process/process_server.hpp>
#include <syncopate/detail/process/remote_call.hpp>
#include <syncopate/detail/process/waiting_calls.hpp>
#include <syncopate/detail/process/work_distribution.hpp>
#include <syncopate/detail/process/worker_crew.hpp>
#include <syncopate/detail/process/worker_link.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/threads/thread.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/error.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>

namespace syncopate::inline v0_1::detail {

/// The thread that submits a call sends it, if a worker can begin it at once. A thread of the pool's own receives the
/// results, hears of the ends of workers, and gives them more to do.
///
/// Everything is under one lock.
class WorkerProcesses final : public RemoteCalls {
public:
    struct Settings {
        std::string name;
        std::size_t max_workers = 1;
        std::size_t max_tasks_per_worker = 0;  ///< zero: any number
    };

    /// Throws: what ProcessServer::get() throws; std::system_error if no descriptor is left.
    explicit WorkerProcesses(Settings settings)
        : settings_(std::move(settings)), crew_(settings_.max_workers),
          work_(crew_, settings_.max_tasks_per_worker) {}

    bool was_forked() const noexcept { return process_ != this_process(); }
    void require_here() const {
        if (was_forked())
            throw std::system_error(make_error_code(Errc::forked), settings_.name);
    }

    Settings const& settings() const noexcept { return settings_; }

    std::size_t size() {
        std::lock_guard const lock(mutex_);
        return crew_.workers().size();
    }

    /// Throws: std::system_error if the workers do not have the function.
    void require_loaded(RemoteFunction const& function) {
        {
            std::lock_guard const lock(mutex_);
            if (!crew_.lacks(function))
                return;
        }
        throw std::system_error(
            std::make_error_code(std::errc::operation_not_permitted),
            settings_.name +
                ": the function belongs to a library that was loaded after the pool's processes had been prepared, so "
                "they do not have it. Load the library before the pool is made, or ProcessPool::prepare() is called");
    }

    void submit(RemoteCall& call) override {
        require_here();
        EndedCalls ended;
        std::lock_guard const lock(mutex_);
        if (is_lost_)
            throw_lost();
        if (is_closing_)
            throw std::system_error(make_error_code(Errc::runner_closed), settings_.name);
        if (!is_running_)
            thread_ = start_thread([this] { run(); });
        is_running_ = true;
        work_.add(&call, ended);
    }

    void cancel(RemoteCall& call) noexcept override { stop(call, RemoteCall::Wish::cancellation); }
    void abandon(RemoteCall& call) noexcept override { stop(call, RemoteCall::Wish::nothing); }

    enum class Running { awaited, killed };

    /// Refuses what has not begun, and all that comes later. Returns false if the deadline has passed first.
    bool close(Running running, Deadline deadline) {
        refuse_calls(running);
        std::unique_lock lock(mutex_);
        auto const has_ended = [this] { return !is_running_; };
        if (deadline == no_deadline)
            changed_.wait(lock, has_ended);
        else if (!changed_.wait_until(lock, deadline, has_ended))
            return false;
        auto thread = std::move(thread_);  // the first closer's
        auto const server = crew_.release();
        lock.unlock();
        if (thread.joinable())
            thread.join();
        return true;
    }

private:
    static constexpr std::size_t reads_at_once = 16;
    static constexpr auto all_reads = (std::numeric_limits<std::size_t>::max)();
    static constexpr int most_vain_starts = 3;

    // On the thread of the pool.

    void run() noexcept {
        name_this_thread(settings_.name);
        std::vector<pollfd> sockets;
        do {
            while (!try_collect(sockets))
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            ::poll(sockets.data(), sockets.size(), -1);
        } while (take_what_has_come());
        std::lock_guard const lock(mutex_);
        is_running_ = false;
        changed_.notify_all();
    }

    bool try_collect(std::vector<pollfd>& sockets) noexcept {
        std::lock_guard const lock(mutex_);
        return crew_.try_collect(sockets);
    }

    /// Returns false when the session has ended, and everything with it.
    bool take_what_has_come() noexcept {
        EndedCalls ended;
        std::lock_guard const lock(mutex_);
        crew_.drain_wake();
        for (auto const& worker : crew_.workers())
            attend(*worker, ended);
        bool const goes_on =
            crew_.listen_to_server([&](WorkerLink& worker, ServerMessage const& message) {
                worker_ended(worker, message, ended);
            });
        if (!goes_on)
            session_ended(ended);
        work_.balance(ended);
        end_session_if_done();
        return goes_on;
    }

    void attend(WorkerLink& worker, EndedCalls& ended) noexcept {
        if (worker.is_at_end())
            return;
        receive(worker, reads_at_once, ended);
        if (worker.is_senseless())
            crew_.kill(worker);
        else if (worker.is_at_end())
            crew_.expect_end(worker);
        else if (worker.has_unsent())
            worker.send();
    }

    static void receive(WorkerLink& worker, std::size_t reads, EndedCalls& ended) noexcept {
        worker.receive(
            reads, [&](RemoteCallPointer call, ResultHeader::Kind kind, Bytes result) noexcept {
                if (kind == ResultHeader::Kind::value)
                    return ended.succeed(std::move(call), std::move(result));
                ended.fail(std::move(call), thrown_by([&] {
                               throw std::runtime_error(std::string(result.begin(), result.end()));
                           }));
            });
    }

    void worker_ended(
        WorkerLink& worker, ServerMessage const& message, EndedCalls& ended) noexcept {
        receive(worker, all_reads, ended);
        bool const was_never_made = message.kind == ServerMessage::Kind::failed;
        int const vain_starts = was_never_made && crew_.count_live() == 0 ? 1 : most_vain_starts;
        work_.settle(worker, reason_of_end(worker, message), vain_starts, ended);
        if (is_closing_)
            refuse_what_has_not_begun(ended);
    }

    std::exception_ptr reason_of_end(
        WorkerLink const& worker, ServerMessage const& message) const noexcept {
        if (is_killing_)
            return error_of(Errc::runner_closed);
        return thrown_by([&] {
            if (message.kind == ServerMessage::Kind::failed)
                throw std::system_error(message.status, std::system_category(), "fork");
            if (worker.is_senseless())
                throw_worker_lost(
                    "the worker process was killed: there is no memory for its result, or that makes no sense");
            throw_worker_lost(describe_end(message.status, message.was_forced != 0));
        });
    }

    void session_ended(EndedCalls& ended) noexcept {
        bool const was_expected = crew_.is_session_ended();
        auto const error = [&] {
            return was_expected ? error_of(Errc::runner_closed)
                                : thrown_by([this] { throw_lost(); });
        };
        crew_.make_no_more();
        for (auto const& worker : crew_.workers()) {
            receive(*worker, reads_at_once, ended);
            work_.settle(*worker, error(), most_vain_starts, ended);
        }
        crew_.clear();
        work_.refuse(error, ended);
        if (was_expected)
            return;
        is_lost_ = true;
        crew_.set_server_lost();
    }

    // From any thread.

    [[noreturn]] void throw_lost() const {
        throw_worker_lost(
            settings_.name +
            ": the process that makes the workers has ended, so the pool has none");
    }
    [[noreturn]] static void throw_worker_lost(std::string const& text) {
        throw std::system_error(make_error_code(Errc::worker_lost), text);
    }

    void stop(RemoteCall& call, RemoteCall::Wish wish) noexcept {
        if (was_forked())
            return;
        EndedCalls ended;
        std::lock_guard const lock(mutex_);
        if (call.state == RemoteCall::State::done || call.state == RemoteCall::State::fresh)
            return;
        call.wish = wish;
        work_.stop(call, ended);
    }

    void refuse_calls(Running running) {
        EndedCalls ended;
        std::lock_guard const lock(mutex_);
        is_closing_ = true;
        is_killing_ |= running == Running::killed;
        crew_.make_no_more();
        refuse_what_has_not_begun(ended);
        end_session_if_done();
    }

    void refuse_what_has_not_begun(EndedCalls& ended) noexcept {
        work_.refuse([] { return error_of(Errc::runner_closed); }, ended);
    }

    /// Closing: when nothing runs any more, or what runs is to be killed.
    void end_session_if_done() noexcept {
        if (!is_closing_ || crew_.is_session_ended())
            return;
        bool const is_busy = std::ranges::any_of(
            crew_.workers(), [](auto const& worker) { return worker->outstanding() != 0; });
        if (!is_busy || is_killing_)
            crew_.end_session();
    }

    unsigned const process_ = this_process();
    Settings const settings_;
    std::mutex mutex_;
    std::condition_variable changed_;
    WorkerCrew crew_;
    WorkDistribution work_;
    std::thread thread_;
    bool is_running_ = false;  // the thread
    bool is_closing_ = false;
    bool is_killing_ = false;  // and what runs is killed
    bool is_lost_ = false;     // the server has ended
};

}  // namespace syncopate::inline v0_1::detail
