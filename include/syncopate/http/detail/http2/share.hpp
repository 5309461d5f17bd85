// share_by_http2(): has a connection carry several requests at once, if its server speaks HTTP/2.
#pragma once

#include <syncopate/http/detail/connection/lease.hpp>
#include <syncopate/http/detail/connection/tls_stream.hpp>
#include <syncopate/http/detail/http2/http2_connection.hpp>
#include <syncopate/http/detail/http2/nghttp2.hpp>
#include <syncopate/http/detail/session/session_loop.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>

#include <memory>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

inline bool has_http2() {
    return Libnghttp2::get() != nullptr;
}

/// lease:     of a connection after its handshake, in which HTTP/2 was offered. Receives a share of it.
/// Throws:    Errc::session_closed.
inline void share_by_http2(
    Lease& lease, std::shared_ptr<SessionLoop> const& loop, SessionOptions const& options) {
    auto& connection = lease.connection();
    if (!connection.tls()->is_http2())
        return loop->pool.keep_whole(lease);
    connection.tls()->keep_buffers();
    auto const shared = std::make_shared<Http2Connection>(*Libnghttp2::get(), loop, options);
    connection.share(shared);
    std::string const origin = connection.tls()->origin();
    lease = loop->pool.share(*shared, std::move(lease));
    if (!lease)
        throw_error(Errc::session_closed, origin);
}

}  // namespace syncopate::inline v0_1::http::detail
