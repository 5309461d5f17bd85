// The functions of Request, and the bodies that are no template.
#pragma once

#include <syncopate/detail/separate.hpp>
#include <syncopate/http/detail/message/basic_auth.hpp>
#include <syncopate/http/detail/message/field_syntax.hpp>
#include <syncopate/http/detail/message/file_body.hpp>
#include <syncopate/http/detail/message/request_body.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/form.hpp>
#include <syncopate/http/multipart.hpp>
#include <syncopate/http/url.hpp>
#include <syncopate/http/verb.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/verb.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http {

namespace detail {

SYNCOPATE_DECL AwaitableOf<std::optional<std::string>> BlockingBodyStream::next() {
    co_return read();
}
SYNCOPATE_DECL AwaitableOf<void> BlockingBodyStream::close() {
    co_return;
}

}  // namespace detail

static_assert(Verb::unlink == boost::beast::http::verb::unlink);

SYNCOPATE_DECL Request::Request(Verb method, std::string url) : parts_(method, std::move(url)) {
    if (method == Verb::unknown || method == Verb::connect)
        detail::throw_error(Errc::invalid_request, "this method cannot be sent");
}

SYNCOPATE_DECL Request::Request(std::string_view method, std::string url)
    : parts_(string_to_verb(method), std::move(url)) {
    if (!detail::is_token(method))
        detail::throw_error(Errc::invalid_request, "a method is a token, such as GET");
    if (detail::equals_ignoring_case(method, to_string(Verb::connect)))
        detail::throw_error(Errc::invalid_request, "this method cannot be sent");
    if (parts_.verb != Verb::unknown)
        return;
    // A server would not know it, and say so in its own way.
    for (auto const name : detail::verb_names)
        if (detail::equals_ignoring_case(method, name))
            detail::throw_error(
                Errc::invalid_request, "this method is written " + std::string(name));
    parts_.change_settings().method = std::string(method);
}

SYNCOPATE_DECL Request& Request::header(std::string_view name, std::string_view value) {
    detail::require_field(name, value);
    parts_.headers.add(name, value);
    return *this;
}

SYNCOPATE_DECL Request& Request::query(std::string name, std::string value) {
    parts_.query.emplace_back(std::move(name), std::move(value));
    return *this;
}

SYNCOPATE_DECL Request& Request::body(std::string bytes) {
    return body_as("", detail::RequestBody(std::move(bytes)));
}

SYNCOPATE_DECL Request& Request::form(Pairs const& pairs) {
    return body_as("application/x-www-form-urlencoded", detail::RequestBody(form_encoded(pairs)));
}

SYNCOPATE_DECL Request& Request::multipart(Multipart parts) {
    parts.require_boundary();
    auto type = parts.content_type();
    if (auto files = parts.take_files())
        return body_as(std::move(type), detail::RequestBody(std::move(files)));
    return body_as(
        std::move(type), detail::RequestBody(std::make_shared<std::vector<std::string> const>(
                             std::move(parts).take_pieces())));
}

SYNCOPATE_DECL Request& Request::file(std::filesystem::path path, std::string_view type) {
    detail::require_field("Content-Type", type);
    detail::InputFile const readable(path);
    std::vector<detail::FileBody::Part> parts;
    parts.push_back({"", std::move(path)});
    return body_as(
        std::string(type), detail::RequestBody(std::shared_ptr<detail::BodySource>(
                               std::make_shared<detail::FileBody>(std::move(parts)))));
}

SYNCOPATE_DECL Request& Request::range(std::uint64_t first, std::optional<std::uint64_t> last) {
    // No file is larger: that was a negative number.
    constexpr std::uint64_t most = (std::numeric_limits<std::int64_t>::max)();
    if (first > most || (last && (*last < first || *last > most)))
        detail::throw_error(Errc::invalid_request, "a range ends before it begins");
    parts_.headers.set(
        "Range", "bytes=" + std::to_string(first) + '-' + (last ? std::to_string(*last) : ""));
    return *this;
}

SYNCOPATE_DECL Request& Request::expect_continue() {
    if (!parts_.headers.contains("Expect"))
        parts_.headers.add("Expect", "100-continue");
    return *this;
}

SYNCOPATE_DECL Request& Request::timeout(std::chrono::nanoseconds value) {
    parts_.change_settings().timeout = value;
    return *this;
}

SYNCOPATE_DECL Request& Request::connect_timeout(std::chrono::nanoseconds value) {
    parts_.change_settings().connect_timeout = value;
    return *this;
}

SYNCOPATE_DECL Request& Request::read_timeout(std::chrono::nanoseconds value) {
    parts_.change_settings().read_timeout = value;
    return *this;
}

SYNCOPATE_DECL Request& Request::decompress(bool value) {
    parts_.change_settings().decompress = value;
    return *this;
}

SYNCOPATE_DECL Request& Request::proxy(std::string url) {
    parts_.change_settings().proxy = std::move(url);
    return *this;
}

SYNCOPATE_DECL Request& Request::max_redirects(std::size_t value) {
    parts_.change_settings().max_redirects = value;
    return *this;
}

SYNCOPATE_DECL Request& Request::basic_auth(std::string_view user, std::string_view password) {
    return authorize(detail::basic_credentials(user, password));
}

SYNCOPATE_DECL Request& Request::bearer(std::string_view token) {
    detail::require_field("Authorization", token);
    return authorize("Bearer " + std::string(token));
}

SYNCOPATE_DECL Request& Request::digest_auth(std::string_view user, std::string_view password) {
    detail::require_no_control(user);
    detail::require_no_control(password);
    parts_.authorization.clear();
    parts_.change_settings().digest = {std::string(user), std::string(password)};
    return *this;
}

SYNCOPATE_DECL Request& Request::on_progress(ProgressFunction function) {
    parts_.on_progress = std::move(function);
    return *this;
}

SYNCOPATE_DECL Request& Request::authorize(std::string authorization) {
    if (parts_.digest())
        parts_.change_settings().digest.reset();
    parts_.authorization = std::move(authorization);
    return *this;
}

SYNCOPATE_DECL Request& Request::body_as(std::string content_type, detail::RequestBody body) {
    parts_.content_type = std::move(content_type);
    parts_.body = std::move(body);
    return *this;
}

}  // namespace syncopate::inline v0_1::http
