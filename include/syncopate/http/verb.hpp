// Verb, string_to_verb(), to_string(): the methods of requests.
#pragma once

#include <array>
#include <cstddef>
#include <iosfwd>
#include <string_view>

namespace boost::beast::http {
enum class verb;  // NOLINT(readability-identifier-naming)
}

namespace syncopate::inline v0_1::http {

/// The methods, `Verb::get` and so on. They have the names and the numbers of those of Boost.Beast.
enum class Verb : int {
    unknown,  ///< no method that is known
    // NOLINTNEXTLINE(readability-identifier-naming): without the line below, it would be a keyword
    delete_,      ///< DELETE
    get,          ///< GET
    head,         ///< HEAD
    post,         ///< POST
    put,          ///< PUT
    connect,      ///< CONNECT
    options,      ///< OPTIONS
    trace,        ///< TRACE
    copy,         ///< COPY
    lock,         ///< LOCK
    mkcol,        ///< MKCOL
    move,         ///< MOVE
    propfind,     ///< PROPFIND
    proppatch,    ///< PROPPATCH
    search,       ///< SEARCH
    unlock,       ///< UNLOCK
    bind,         ///< BIND
    rebind,       ///< REBIND
    unbind,       ///< UNBIND
    acl,          ///< ACL
    report,       ///< REPORT
    mkactivity,   ///< MKACTIVITY
    checkout,     ///< CHECKOUT
    merge,        ///< MERGE
    msearch,      ///< M-SEARCH
    notify,       ///< NOTIFY
    subscribe,    ///< SUBSCRIBE
    unsubscribe,  ///< UNSUBSCRIBE
    patch,        ///< PATCH
    purge,        ///< PURGE
    mkcalendar,   ///< MKCALENDAR
    link,         ///< LINK
    unlink,       ///< UNLINK
};
/// The same, as it is called in Boost.Beast.
using verb = Verb;

namespace detail {

inline constexpr std::array<std::string_view, 34> verb_names{
    "<unknown>",   "DELETE",     "GET",      "HEAD",       "POST",     "PUT",    "CONNECT",
    "OPTIONS",     "TRACE",      "COPY",     "LOCK",       "MKCOL",    "MOVE",   "PROPFIND",
    "PROPPATCH",   "SEARCH",     "UNLOCK",   "BIND",       "REBIND",   "UNBIND", "ACL",
    "REPORT",      "MKACTIVITY", "CHECKOUT", "MERGE",      "M-SEARCH", "NOTIFY", "SUBSCRIBE",
    "UNSUBSCRIBE", "PATCH",      "PURGE",    "MKCALENDAR", "LINK",     "UNLINK"};

}  // namespace detail

/// Gives the method's name as it is sent, such as "GET".
constexpr std::string_view to_string(Verb method) noexcept {
    return detail::verb_names[static_cast<std::size_t>(method)];
}

/// Gives the method of that name, in capitals; Verb::unknown if there is none.
constexpr Verb string_to_verb(std::string_view name) noexcept {
    for (std::size_t i = 1; i < detail::verb_names.size(); ++i)
        if (detail::verb_names[i] == name)
            return static_cast<Verb>(i);
    return Verb::unknown;
}

/// Compares with a method of Boost.Beast.
constexpr bool operator==(Verb left, boost::beast::http::verb right) noexcept {
    return static_cast<int>(left) == static_cast<int>(right);
}

/// Writes the method's name.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, Verb method) {
    return out << to_string(method);
}

}  // namespace syncopate::inline v0_1::http
