// TlsSessions: sessions that servers offer to resume, which saves half of a handshake.
#pragma once

#include <openssl/ssl.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

struct TlsSessionDeleter {
    void operator()(SSL_SESSION* session) const noexcept { SSL_SESSION_free(session); }
};

using TlsSession = std::unique_ptr<SSL_SESSION, TlsSessionDeleter>;

/// Keeps the newest sessions, each with the origin of its server.
///
/// A server that resumes a session does not show its certificate again. So a session is used only under the
/// settings and for the origin under which the certificate was verified.
///
/// Threads: one at a time.
class TlsSessions {
public:
    static constexpr std::size_t capacity = 100;

    void put(std::string_view origin, TlsSession session) {
        entries_.emplace_back(std::string(origin), std::move(session));
        if (entries_.size() > capacity)
            entries_.pop_front();
    }

    /// The newest session with the origin, or null.
    TlsSession take(std::string_view origin) {
        auto const is_of_origin = [&](auto const& entry) { return entry.first == origin; };
        // NOLINTNEXTLINE(modernize-use-ranges): erase() wants the position in the list itself
        auto const found = std::find_if(entries_.rbegin(), entries_.rend(), is_of_origin);
        if (found == entries_.rend())
            return nullptr;
        // A session of TLS 1.3 is used once, so that an observer cannot link two connections.
        if (SSL_SESSION_get_protocol_version(found->second.get()) < TLS1_3_VERSION) {
            SSL_SESSION_up_ref(found->second.get());
            return TlsSession(found->second.get());
        }
        auto session = std::move(found->second);
        entries_.erase(std::prev(found.base()));
        return session;
    }

private:
    /// The oldest first.
    std::deque<std::pair<std::string, TlsSession>> entries_;
};

}  // namespace syncopate::inline v0_1::http::detail
