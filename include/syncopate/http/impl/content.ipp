// The functions of Content.
#pragma once

#include <syncopate/async_generator.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/http/detail/session/exchange.hpp>
#include <syncopate/http/error.hpp>

#include <boost/asio/awaitable.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http {

SYNCOPATE_DECL boost::asio::awaitable<std::optional<std::string>> Content::anext() {
    std::string piece;
    exchange_.read_available();
    if (!take_available(piece)) {
        bool const has_more = co_await read_more(piece);
        if (!has_more)
            co_return std::nullopt;
    }
    exchange_.read_ahead();
    co_return std::move(piece);
}

SYNCOPATE_DECL AsyncGenerator<std::string> Content::lines() {
    return read_lines(this);
}

SYNCOPATE_DECL AsyncGenerator<std::string> Content::chunks(std::size_t size) {
    return read_chunks(this, (std::max<std::size_t>)(size, 1));
}

SYNCOPATE_DECL bool Content::take_available(std::string& out) {
    require_open();
    return exchange_.take_available(out);
}

SYNCOPATE_DECL boost::asio::awaitable<bool> Content::read_more(std::string& out) {
    return exchange_.read_some(out);
}

SYNCOPATE_DECL boost::asio::awaitable<std::string> Content::read_all() {
    std::string all;
    all.reserve((std::min)(exchange_.size_to_reserve(), limits_.body_size));
    for (bool has_more = true; has_more;) {
        has_more = take_available(all);
        if (!has_more && !exchange_.is_complete())
            has_more = co_await read_more(all);
        if (all.size() > limits_.body_size)
            give_up(Errc::body_too_large, limits_.body_size);
    }
    co_return all;
}

SYNCOPATE_DECL void Content::give_up(Errc code, std::size_t limit) {
    exchange_.detach();
    exchange_.fail(code, "more than " + std::to_string(limit) + " bytes");
}

SYNCOPATE_DECL void Content::limit_line(std::string_view line) {
    if (line.size() > limits_.line_size)
        give_up(Errc::line_too_long, limits_.line_size);
}

SYNCOPATE_DECL void Content::require_open() const {
    if (is_closed_)
        exchange_.fail(Errc::response_closed, "reading the body");
}

SYNCOPATE_DECL AsyncGenerator<std::string> Content::read_lines(Content* content) {
    std::string received;
    std::size_t begin = 0;   // of the next line
    std::size_t looked = 0;  // up to where there is no end of it
    for (;;) {
        auto const end = received.find('\n', looked);
        if (end != std::string::npos) {
            auto const size = end - begin;
            bool const has_return = size > 0 && received[end - 1] == '\r';
            std::string line(received, begin, has_return ? size - 1 : size);
            content->limit_line(line);
            begin = looked = end + 1;
            co_yield std::move(line);
            continue;
        }
        received.erase(0, std::exchange(begin, 0));
        looked = received.size();
        // A CR may turn out to be a part of the line's end.
        std::string_view const unfinished = received;
        content->limit_line(unfinished.substr(0, looked - unfinished.ends_with('\r')));
        if (content->take_available(received))
            continue;
        bool const has_more = co_await content->read_more(received);
        if (!has_more)
            break;
    }
    if (!received.empty())
        co_yield std::move(received);
}

SYNCOPATE_DECL AsyncGenerator<std::string> Content::read_chunks(
    Content* content, std::size_t size) {
    std::string received;
    for (bool has_more = true; has_more;) {
        while (received.size() < size && content->take_available(received)) {
        }
        if (received.size() < size)
            has_more = co_await content->read_more(received);
        std::size_t begin = 0;
        for (; received.size() - begin >= size; begin += size) {
            std::string chunk(received, begin, size);
            co_yield std::move(chunk);
        }
        received.erase(0, begin);
    }
    if (!received.empty())
        co_yield std::move(received);
}

}  // namespace syncopate::inline v0_1::http
