// Lease, Permit: the right to have a connection, and the connection.
#pragma once

#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/connection/host_sharing.hpp>

#include <cstddef>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

class Pool;

/// The pool's counts for one server.
struct PoolHost {
    std::size_t connections = 0;  // idle ones included
    std::size_t waiting = 0;
    HostSharing sharing;
};

/// The right to have one connection to a host, or a share of one. Its end passes it to a request that waits.
class Permit {
public:
    Permit() = default;
    Permit(Pool& pool, PoolHost& host) noexcept;
    /// For a share, which is not counted.
    explicit Permit(Pool& pool) noexcept : pool_(&pool) {}
    Permit(Permit&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), host_(other.host_),
          question_(std::move(other.question_)) {}
    Permit& operator=(Permit&& other) noexcept {
        std::swap(pool_, other.pool_);
        std::swap(host_, other.host_);
        std::swap(question_, other.question_);
        return *this;
    }
    ~Permit();

    explicit operator bool() const noexcept { return pool_ != nullptr; }
    /// Null for a share.
    PoolHost* host() const noexcept { return host_; }

    /// From now until the end of this, or the answer, other requests wait to hear whether they may share.
    void ask() noexcept { question_ = SharingQuestion(host_->sharing); }
    void answer() noexcept { question_.answer(); }

private:
    Pool* pool_ = nullptr;
    PoolHost* host_ = nullptr;
    SharingQuestion question_;
};

/// A permit and its connection, owned by an exchange. The destructor closes a connection that has not been
/// given back to the pool.
class Lease {
public:
    Lease() = default;
    /// For a connection that is yet to be made.
    explicit Lease(Permit permit) noexcept : permit_(std::move(permit)) {}
    /// For a share of one.
    Lease(Permit permit, ConnectionPointer connection, bool is_reused) noexcept
        : permit_(std::move(permit)), connection_(std::move(connection)), is_reused_(is_reused) {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&& other) noexcept {
        std::swap(permit_, other.permit_);
        std::swap(connection_, other.connection_);
        std::swap(is_reused_, other.is_reused_);
        other.reset();
        return *this;
    }
    ~Lease() { reset(); }

    explicit operator bool() const noexcept { return static_cast<bool>(permit_); }

    bool has_connection() const noexcept { return connection_ != nullptr; }
    Connection& connection() const noexcept { return *connection_; }
    void set_connection(ConnectionPointer connection) noexcept {
        connection_ = std::move(connection);
        is_reused_ = false;
    }
    /// Closes the connection, and gives up the permit.
    void reset() noexcept {
        if (!permit_)
            return;  // without a permit there is no connection
        close_connection();
        Permit const gone = std::move(permit_);
    }
    /// Closes the connection. The permit stays, for another one; but a share ends with its connection.
    void close_connection() noexcept {
        if (connection_)
            connection_->close();
        connection_.reset();
        if (!permit_.host())
            Permit const gone = std::move(permit_);
    }
    /// Whether the connection has carried a request before.
    bool is_reused() const noexcept { return is_reused_; }

private:
    friend class Pool;

    Permit permit_;
    ConnectionPointer connection_;
    bool is_reused_ = false;
};

}  // namespace syncopate::inline v0_1::http::detail
