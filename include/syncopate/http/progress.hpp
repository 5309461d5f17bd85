// Progress, ProgressFunction: how many bytes of a body have been transferred.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace syncopate::inline v0_1::http {

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

/// A function that is called after each part of a body that was sent or received.
///
/// Blocks:    as a function of Request::on_progress() it must not: the whole loop would wait. As a function of
///            Client::download() it may: only the download waits.
/// Throws:    an exception ends the transfer, and is what the caller of the request gets.
/// Threads:   of Request::on_progress(): it is called on the session's loop, and must be safe to call and to
///            destroy there. Of Client::download(): it is called on the calling thread.
using ProgressFunction = std::function<void(Progress const&)>;

}  // namespace syncopate::inline v0_1::http
