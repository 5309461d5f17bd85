// WorkerLink: one worker process as its pool sees it: which calls it has, and how far they are sent and answered.
#pragma once

#include <syncopate/detail/process/descriptor.hpp>
#include <syncopate/detail/process/process_protocol.hpp>
#include <syncopate/detail/process/remote_call.hpp>
#include <syncopate/detail/process/result_reader.hpp>
#include <syncopate/detail/process/shared_slots.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

namespace syncopate::inline v0_1::detail {

/// Under the pool's lock. Nothing here waits.
class WorkerLink {
public:
    enum class State {
        live,
        retired,  ///< it has had its share of calls, and ends when it has done them
        killed,
    };

    WorkerLink(Descriptor socket, TakenSlot slot) noexcept
        : socket_(std::move(socket)), slot_(std::move(slot)) {}

    int socket() const noexcept { return socket_.get(); }
    std::uint32_t number() const noexcept { return slot_.number(); }

    State state() const noexcept { return state_; }
    void set_state(State state) noexcept { state_ = state; }

    bool is_live() const noexcept { return state_ == State::live && !is_at_end(); }
    bool is_at_end() const noexcept { return results_.is_at_end(); }
    bool is_senseless() const noexcept { return results_.is_senseless(); }
    bool is_full() const noexcept { return next_ - first_ == WorkerSlot::depth; }
    bool has_unsent() const noexcept { return sending_ != next_; }
    /// The calls that it has and that have not been withdrawn.
    std::size_t outstanding() const noexcept { return outstanding_; }
    std::size_t completed() const noexcept { return completed_; }

    /// Not if it is full. send() follows.
    void give(RemoteCallPointer call) noexcept {
        Entry& entry = at(next_);
        entry.header = {call->arguments().size(), next_, call->function()};
        entry.is_withdrawn = false;
        call->state = RemoteCall::State::sent;
        entry.call = std::move(call);
        slot_->set_queued(next_);
        ++next_;
        ++outstanding_;
    }

    /// Sends as much as the socket takes.
    void send() noexcept {
        while (has_unsent()) {
            std::array<iovec, 2 * calls_at_once> parts;
            msghdr message = {};
            message.msg_iov = parts.data();
            message.msg_iovlen = gather(parts);
            ssize_t const sent = ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent >= 0)
                advance(static_cast<std::size_t>(sent));
            else if (errno == EPIPE || errno == ECONNRESET)
                sending_ = next_;  // it has ended, which its server tells
            else if (errno != EINTR)
                return;  // the socket is full, or the system has no memory now
        }
    }

    /// Takes what has come, in so many reads at most, and calls `on_result(call, kind, bytes)` for each result. If
    /// the worker is_senseless() then, it has to be killed.
    template <class OnResult>
    void receive(std::size_t reads, OnResult on_result) noexcept {
        results_.read(reads, [&](ResultHeader::Kind kind, Bytes result) noexcept {
            return finish(kind, std::move(result), on_result);
        });
    }

    /// Withdraws the call unless it has begun.
    bool withdraw(RemoteCall const& call) noexcept {
        for (auto number = first_; number != next_; ++number) {
            if (holds(number, call))
                return withdraw(number);
        }
        return false;
    }

    /// Whether the worker has this call, and it is not withdrawn.
    bool has(RemoteCall const& call) const noexcept {
        for (auto number = first_; number != next_; ++number) {
            if (holds(number, call))
                return true;
        }
        return false;
    }

    /// Withdraws all calls behind one that has begun, oldest first, and calls `f(call)` for each. Returns false, and
    /// stops, if the worker has begun one of them meanwhile: then the call that had begun has ended.
    template <class F>
    bool withdraw_behind(RemoteCall const& begun, F f) noexcept {
        bool is_behind = false;
        for (auto number = first_; number != next_; ++number) {
            if (at(number).is_withdrawn)
                continue;
            if (!is_behind) {
                is_behind = at(number).call.get() == &begun;
                continue;
            }
            if (!withdraw(number))
                return false;
            f(at(number).call);
        }
        return true;
    }

    /// Withdraws every call that has not begun, and calls `f(call)` for each.
    template <class F>
    void withdraw_all(F f) noexcept {
        for (auto number = first_; number != next_; ++number) {
            if (!at(number).is_withdrawn && withdraw(number))
                f(at(number).call);
        }
    }

    /// Withdraws the oldest call that waits for another one to end. Returns null if there is none.
    RemoteCallPointer take_waiting() noexcept {
        bool is_behind = false;
        for (auto number = first_; number != next_; ++number) {
            if (at(number).is_withdrawn)
                continue;
            if (is_behind && withdraw(number))
                return at(number).call;
            is_behind = true;
        }
        return {};
    }

    /// The process has ended, and what it has sent was received: calls `f(call, has_begun)` for what it has left,
    /// oldest first.
    template <class F>
    void settle(F f) noexcept {
        for (; first_ != next_; ++first_) {
            Entry& entry = at(first_);
            if (!entry.is_withdrawn)
                f(entry.call, slot_->has_begun(first_));
            entry.call.reset();
        }
        outstanding_ = 0;
        sending_ = next_;
    }

private:
    struct Entry {
        RemoteCallPointer
            call;  // also of a call that was withdrawn, until it has been sent and answered
        RequestHeader header;
        bool is_withdrawn = false;
    };

    static constexpr std::size_t calls_at_once = 16;

    Entry& at(std::uint64_t number) noexcept { return entries_[number % WorkerSlot::depth]; }
    Entry const& at(std::uint64_t number) const noexcept {
        return entries_[number % WorkerSlot::depth];
    }

    bool holds(std::uint64_t number, RemoteCall const& call) const noexcept {
        return at(number).call.get() == &call && !at(number).is_withdrawn;
    }

    bool withdraw(std::uint64_t number) noexcept {
        if (!slot_->withdraw(number))
            return false;
        at(number).is_withdrawn = true;
        --outstanding_;
        return true;
    }

    std::size_t gather(std::array<iovec, 2 * calls_at_once>& parts) noexcept {
        std::size_t count = 0;
        std::size_t skipped = sent_;
        auto const add = [&](void const* data, std::size_t size) {
            auto const skip = (std::min)(skipped, size);
            skipped -= skip;
            if (size != skip)
                parts[count++] = {
                    const_cast<char*>(static_cast<char const*>(data)) + skip, size - skip};
        };
        for (auto number = sending_; number != next_ && number != sending_ + calls_at_once;
             ++number) {
            add(&at(number).header, sizeof(RequestHeader));
            add(at(number).call->arguments().data(), at(number).call->arguments().size());
        }
        return count;
    }

    void advance(std::size_t count) noexcept {
        sent_ += count;
        while (sending_ != next_) {
            auto const size = sizeof(RequestHeader) + at(sending_).header.size;
            if (sent_ < size)
                return;
            sent_ -= size;
            ++sending_;
        }
    }

    /// The oldest request has its answer. Returns false if there is none.
    template <class OnResult>
    bool finish(ResultHeader::Kind kind, Bytes result, OnResult& on_result) noexcept {
        if (first_ == sending_)
            return false;
        Entry& entry = at(first_++);
        auto call = std::move(entry.call);
        if (entry.is_withdrawn)
            return true;
        --outstanding_;
        ++completed_;
        on_result(std::move(call), kind, std::move(result));
        return true;
    }

    Descriptor const socket_;
    TakenSlot const slot_;
    ResultReader results_{socket_.get()};
    State state_ = State::live;
    std::size_t outstanding_ = 0;
    std::size_t completed_ = 0;

    // first_ <= sending_ <= next_. Of the request at sending_, sent_ bytes have been sent.
    std::array<Entry, WorkerSlot::depth> entries_;
    std::uint64_t first_ = 0;
    std::uint64_t sending_ = 0;
    std::uint64_t next_ = 0;
    std::size_t sent_ = 0;
};

}  // namespace syncopate::inline v0_1::detail
