// RequestParts, RequestSettings: all that a Request holds, as the session reads it.
#pragma once

#include <syncopate/http/detail/message/digest_user.hpp>
#include <syncopate/http/detail/message/request_body.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/progress.hpp>
#include <syncopate/http/verb.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

/// What few requests set. It lies apart, so that the frame of a request's coroutine stays small, and is shared by copies.
/// Nothing: the session's options hold.
struct RequestSettings {
    std::optional<std::chrono::nanoseconds> timeout;
    std::optional<std::size_t> max_redirects;
    std::optional<std::chrono::nanoseconds> connect_timeout;
    std::optional<std::chrono::nanoseconds> read_timeout;
    std::optional<bool> decompress;
    std::optional<std::string> proxy;
    std::optional<DigestUser> digest;
    /// The method, if it is none of Verb, which is unknown then.
    std::optional<std::string> method;
    /// Set when some of the request may have been sent. Null: nobody asks.
    bool* was_sent = nullptr;
};

struct RequestParts {
    RequestParts(Verb method, std::string&& target) : verb(method), url(std::move(target)) {}

    Verb verb;
    std::string url;
    Headers headers;
    /// To be added to the URL's query, not yet encoded.
    std::vector<std::pair<std::string, std::string>> query;
    RequestBody body;
    /// Of the body; empty if the user has to say it.
    std::string content_type;
    /// The value of Authorization, or empty.
    std::string authorization;
    /// Null: as if nothing were set in it.
    std::shared_ptr<RequestSettings const> own_settings;
    ProgressFunction on_progress;

    RequestSettings const& settings() const noexcept {
        static constinit RequestSettings const none;
        return own_settings ? *own_settings : none;
    }
    /// Gives the settings to be changed: those of copies stay as they are.
    RequestSettings& change_settings() {
        auto const own = std::make_shared<RequestSettings>(settings());
        own_settings = own;
        return *own;
    }
    /// The method as it is sent.
    ///
    /// method:    the request's, or what redirects have made of it.
    std::string_view name_of(Verb method) const noexcept {
        auto const& own = settings().method;
        return method == Verb::unknown && own ? std::string_view(*own) : to_string(method);
    }
    /// Who answers to a challenge of Digest authentication; null: nobody.
    DigestUser const* digest() const noexcept {
        auto const& user = settings().digest;
        return user ? &*user : nullptr;
    }
};

/// The way to a request's parts: a Request has it as a friend, and users of the library do not see them.
class RequestAccess {
public:
    template <class R>
    static auto& parts(R& request) noexcept {
        return request.parts_;
    }
};

}  // namespace syncopate::inline v0_1::http::detail
