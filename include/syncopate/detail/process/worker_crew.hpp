// WorkerCrew: the workers of a ProcessPool. It has the process server make and kill them, and hears from it how they have
// ended.
#pragma once

#include <syncopate/detail/process/descriptor.hpp>
#include <syncopate/detail/process/process_protocol.hpp>
#include <syncopate/detail/process/process_server.hpp>
#include <syncopate/detail/process/remote_call.hpp>
#include <syncopate/detail/process/worker_link.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace syncopate::inline v0_1::detail {

/// Under the pool's lock. Nothing here waits, but for the process server, which always listens.
class WorkerCrew {
public:
    using Workers = std::vector<std::unique_ptr<WorkerLink>>;

    /// Throws: what ProcessServer::get() throws; std::system_error if no descriptor is left.
    explicit WorkerCrew(std::size_t largest_size)
        : largest_size_(largest_size), server_(ProcessServer::get()),
          session_(server_->open_session()), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        if (!wake_)
            throw std::system_error(errno, std::system_category(), "eventfd");
    }

    /// Those that live, and those that have not been heard of after they were killed.
    Workers const& workers() const noexcept { return workers_; }

    std::size_t count_live() const noexcept {
        return static_cast<std::size_t>(
            std::ranges::count_if(workers_, [](auto const& worker) { return worker->is_live(); }));
    }

    /// The one that has the call; null if none has.
    WorkerLink* find(RemoteCall const& call) const noexcept {
        auto const found =
            std::ranges::find_if(workers_, [&](auto const& worker) { return worker->has(call); });
        return found != workers_.end() ? found->get() : nullptr;
    }

    /// After release() there is nobody to ask, and the pool refuses every call.
    bool lacks(RemoteFunction const& function) const noexcept {
        return server_ && !server_->code().has(function);
    }

    bool can_make() const noexcept { return makes_more_ && count_live() < largest_size_; }
    void make_no_more() noexcept { makes_more_ = false; }

    /// It can be given calls at once. Throws: std::bad_alloc; std::system_error if there is no descriptor or no slot.
    WorkerLink& make() {
        auto pair = make_socket_pair(SOCK_STREAM);
        workers_.push_back(
            std::make_unique<WorkerLink>(std::move(pair.here), server_->worker_slots().take()));
        WorkerLink& worker = *workers_.back();
        tell_server(ServerMessage::Kind::make_one, worker, pair.there.get());
        wake();  // the thread has to listen to it
        return worker;
    }

    void kill(WorkerLink& worker) noexcept {
        if (worker.state() == WorkerLink::State::killed)
            return;
        worker.set_state(WorkerLink::State::killed);
        tell_server(ServerMessage::Kind::kill, worker);
    }

    /// It ends when it has read all that it was sent.
    void retire(WorkerLink& worker) noexcept {
        worker.set_state(WorkerLink::State::retired);
        ::shutdown(worker.socket(), SHUT_WR);
    }

    /// It has closed its socket, and is killed if it does not end soon.
    void expect_end(WorkerLink& worker) noexcept {
        tell_server(ServerMessage::Kind::expect_end, worker);
    }

    /// Calls `on_end(worker, message)` for each that has ended; it is not one of workers() any more. Returns false at
    /// the end of the session: then none of them lives.
    template <class OnEnd>
    bool listen_to_server(OnEnd on_end) noexcept {
        for (;;) {
            ServerMessage message;
            Descriptor none;
            switch (receive_with_descriptor(session_.get(), message, none)) {
            case Receipt::nothing: return true;
            case Receipt::end: return false;
            case Receipt::message:
                if (auto const worker = take(message.slot))
                    on_end(*worker, message);
            }
        }
    }

    /// After the end of the session.
    void clear() noexcept { workers_.clear(); }
    void set_server_lost() noexcept { server_->set_lost(); }

    /// The server kills the workers, and ends the session when they have ended.
    void end_session() noexcept {
        is_session_ended_ = true;
        ::shutdown(session_.get(), SHUT_WR);  // others may have inherited it
    }
    bool is_session_ended() const noexcept { return is_session_ended_; }

    /// After that. To destroy the last owner of the server is to wait for its end.
    std::shared_ptr<ProcessServer> release() noexcept {
        session_.close();
        return std::exchange(server_, nullptr);
    }

    /// What the pool's thread has to wait for. Returns false if there is no memory.
    bool try_collect(std::vector<pollfd>& sockets) const noexcept {
        try {
            sockets.reserve(workers_.size() + 2);
        } catch (std::bad_alloc const&) {
            return false;
        }
        sockets.clear();
        sockets.push_back({session_.get(), POLLIN, 0});
        sockets.push_back({wake_.get(), POLLIN, 0});
        for (auto const& worker : workers_) {
            short const events = worker->has_unsent() ? POLLIN | POLLOUT : POLLIN;
            if (!worker->is_at_end())
                sockets.push_back({worker->socket(), events, 0});
        }
        return true;
    }

    /// The thread collects anew.
    void wake() noexcept {
        std::uint64_t const one = 1;
        [[maybe_unused]] auto const written = ::write(wake_.get(), &one, sizeof one);
    }
    void drain_wake() noexcept {
        std::uint64_t count = 0;
        [[maybe_unused]] auto const read = ::read(wake_.get(), &count, sizeof count);
    }

private:
    void tell_server(
        ServerMessage::Kind kind, WorkerLink const& worker, int descriptor = -1) noexcept {
        // If it has ended, so has the session, which is found out by listening.
        send_with_descriptor(
            session_.get(), ServerMessage{kind, worker.number(), 0, 0}, descriptor);
    }

    std::unique_ptr<WorkerLink> take(std::uint32_t number) noexcept {
        auto const found = std::ranges::find(
            workers_, number, [](auto const& worker) { return worker->number(); });
        if (found == workers_.end())
            return nullptr;
        auto worker = std::move(*found);
        workers_.erase(found);
        return worker;
    }

    std::size_t const largest_size_;
    std::shared_ptr<ProcessServer> server_;
    Descriptor session_;
    Descriptor const wake_;
    Workers workers_;
    bool makes_more_ = true;
    bool is_session_ended_ = false;  // by us
};

}  // namespace syncopate::inline v0_1::detail
