// TlsSessions: sessions that servers offer to resume, which saves half of a handshake.
#pragma once

#include <openssl/opensslv.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <chrono>
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

    using Seconds = std::chrono::seconds;

    void put(std::string_view origin, TlsSession session) {
        entries_.emplace_back(std::string(origin), std::move(session));
        if (entries_.size() > capacity)
            entries_.pop_front();
    }

    /// The newest session with the origin that has not expired, or null.
    ///
    /// now:       since 1970.
    TlsSession take(std::string_view origin, Seconds now = seconds_since_1970()) {
        std::erase_if(entries_, [&](auto const& entry) { return end_of(*entry.second) <= now; });
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
    static Seconds seconds_since_1970() noexcept {
        return std::chrono::floor<Seconds>(std::chrono::system_clock::now().time_since_epoch());
    }

    /// The end of the lifetime that the server has named, or else of that which OpenSSL gives to a session.
    static Seconds end_of(SSL_SESSION const& session) noexcept {
        auto const of_ticket = SSL_SESSION_get_ticket_lifetime_hint(&session);
        auto const of_session = SSL_SESSION_get_timeout(&session);
        auto const lifetime = of_ticket > 0 ? static_cast<long>(of_ticket) : of_session;
        return made_at(session) + Seconds(lifetime);
    }

    /// OpenSSL 3.4 warns of the older function, in which the years end with 2038 where a long has 32 bits.
    static Seconds made_at(SSL_SESSION const& session) noexcept {
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
        return Seconds(SSL_SESSION_get_time_ex(&session));
#else
        return Seconds(SSL_SESSION_get_time(&session));
#endif
    }

    /// The oldest first.
    std::deque<std::pair<std::string, TlsSession>> entries_;
};

}  // namespace syncopate::inline v0_1::http::detail
