// How far a transfer has come.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace syncopate::http {

/// Bytes of bodies, as they are on the wire, without the overhead of chunks.
struct Progress {
    /// Of the request's body.
    std::uint64_t sent = 0;
    /// The size of the request's body, if it is known.
    std::optional<std::uint64_t> send_total;
    /// Of the response's body.
    std::uint64_t received = 0;
    /// Of the response's body, if the server has announced it.
    std::optional<std::uint64_t> receive_total;
};

/// Called each time that something of a body was sent or has come, on the session's loop. It must not block;
/// what it throws ends the transfer.
using ProgressFunction = std::function<void(Progress const&)>;

}  // namespace syncopate::http
