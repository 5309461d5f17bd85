// HostSharing: the connections that requests to one server share. SharingQuestion: who finds out whether they may.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/connection/shared_connection.hpp>

#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// Threads: on the session's loop.
class HostSharing {
public:
    /// Whether requests may share connections: the session wants that, and the server has not refused it.
    bool is_allowed() const noexcept { return is_allowed_; }
    void allow(bool value) noexcept { is_allowed_ = value; }

    /// Whether a connection is being made that tells what the server speaks. Other requests wait for it.
    bool is_being_asked() const noexcept { return is_being_asked_; }
    /// Whether they are to wait for the next one: where no connection can be made, nobody waits for more than one attempt
    /// of others.
    bool is_worth_asking() const noexcept { return !was_in_vain_; }

    /// A share of a connection in use; null if none has room.
    ConnectionPointer open() noexcept {
        ConnectionPointer share;
        in_use_.for_each([&](SharedConnection& each) {
            if (!share)
                share = each.open();
        });
        return share;
    }
    /// Has a connection used, and gives a share of it; null if it cannot be used any more.
    ConnectionPointer begin(SharedConnection& connection, Lease&& lease) {
        if (!connection.begin(std::move(lease)))
            return {};
        in_use_.push_back(connection);
        was_in_vain_ = false;
        return connection.open();
    }
    /// Ends the connections in use.
    void close() noexcept {
        while (!in_use_.empty()) {
            auto& connection = in_use_.front();
            connection.unlink();
            connection.close();
        }
    }

private:
    friend class SharingQuestion;

    bool is_allowed_ = false;
    bool is_being_asked_ = false;
    bool was_in_vain_ = false;
    ::syncopate::detail::IntrusiveList<SharedConnection> in_use_;
};

/// Asks a server from its making until it is answered, or until its end, which is then in vain.
class SharingQuestion {
public:
    SharingQuestion() = default;
    explicit SharingQuestion(HostSharing& host) noexcept : host_(&host) {
        host.is_being_asked_ = true;
    }
    SharingQuestion(SharingQuestion&& other) noexcept
        : host_(std::exchange(other.host_, nullptr)) {}
    SharingQuestion& operator=(SharingQuestion&& other) noexcept {
        std::swap(host_, other.host_);
        return *this;
    }
    ~SharingQuestion() { end(true); }

    void answer() noexcept { end(false); }

private:
    void end(bool is_in_vain) noexcept {
        if (!host_)
            return;
        host_->is_being_asked_ = false;
        host_->was_in_vain_ = is_in_vain;
        host_ = nullptr;
    }

    HostSharing* host_ = nullptr;
};

}  // namespace syncopate::inline v0_1::http::detail
