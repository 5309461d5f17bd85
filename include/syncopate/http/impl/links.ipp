// The functions of Links and Link.
#pragma once

#include <syncopate/detail/separate.hpp>
#include <syncopate/http/detail/message/list_syntax.hpp>
#include <syncopate/http/detail/url/percent_encoding.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/url.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http {

SYNCOPATE_DECL std::string_view Link::rel() const noexcept {
    return value_of("rel").value_or("");
}

SYNCOPATE_DECL bool Link::has_rel(std::string_view relation) const noexcept {
    for (auto left = rel(); !left.empty();) {
        auto const each = detail::take_element(left, ' ');
        if (!each.empty() && detail::equals_ignoring_case(each, relation))
            return true;
    }
    return false;
}

SYNCOPATE_DECL std::optional<std::string> Link::parameter(std::string_view name) const {
    auto const extended = value_of(std::string(name) + '*');
    if (auto decoded = extended ? decoded_value(*extended) : std::nullopt)
        return decoded;
    auto const plain = value_of(name);
    return plain ? std::optional<std::string>(*plain) : std::nullopt;
}

SYNCOPATE_DECL std::optional<std::string_view> Link::value_of(
    std::string_view name) const noexcept {
    for (auto const& [key, value] : parameters_)
        if (detail::equals_ignoring_case(key, name))
            return value;
    return std::nullopt;
}

SYNCOPATE_DECL std::optional<std::string> Link::decoded_value(std::string_view text) {
    auto const charset = detail::take_element(text, '\'');
    detail::take_element(text, '\'');  // the language
    return detail::equals_ignoring_case(charset, "UTF-8") ? detail::unescaped(text) : std::nullopt;
}

SYNCOPATE_DECL Links::Links(Headers const& headers, std::string const& base) {
    for (std::string_view left : headers.get_all("Link"))
        while (read_link(left, base)) {
        }
}

SYNCOPATE_DECL Link const* Links::find(std::string_view relation) const& noexcept {
    auto const is_meant = [&](Link const& link) {
        return link.has_rel(relation) && !link.value_of("anchor");
    };
    auto const found = std::ranges::find_if(links_, is_meant);
    return found == links_.end() ? nullptr : &*found;
}

SYNCOPATE_DECL bool Links::contains(std::string_view relation) const noexcept {
    return find(relation) != nullptr;
}

SYNCOPATE_DECL std::string Links::operator[](std::string_view relation) const {
    auto const* const link = find(relation);
    return link ? link->url() : std::string();
}

SYNCOPATE_DECL bool Links::read_link(std::string_view& left, std::string const& base) {
    left.remove_prefix((std::min)(left.find_first_not_of(" \t,"), left.size()));
    auto const end = left.find('>');
    if (!left.starts_with('<') || end == left.npos)
        return false;
    Link link;
    link.url_ = resolved(left.substr(1, end - 1), base);
    left.remove_prefix(end + 1);
    while (read_parameter(left, link.parameters_)) {
    }
    links_.push_back(std::move(link));
    return !left.empty();
}

SYNCOPATE_DECL std::string Links::resolved(std::string_view reference, std::string const& base) {
    try {
        return Url(base).resolved(reference).text();
    } catch (std::system_error const&) {
        return std::string(reference);
    }
}

SYNCOPATE_DECL bool Links::read_parameter(
    std::string_view& left, std::vector<std::pair<std::string, std::string>>& parameters) {
    auto const semicolon = left.find_first_not_of(" \t");
    if (semicolon == left.npos || left[semicolon] != ';')
        return skip_to_comma(left);
    left.remove_prefix(semicolon + 1);
    auto const size = (std::min)(left.find_first_of("=;,"), left.size());
    auto const name = detail::trimmed(left.substr(0, size));
    left.remove_prefix(size);
    std::string value;
    if (left.starts_with('='))
        value = take_value(left);
    if (!name.empty())
        parameters.emplace_back(name, std::move(value));
    return true;
}

SYNCOPATE_DECL bool Links::skip_to_comma(std::string_view& left) noexcept {
    left.remove_prefix((std::min)(left.find(','), left.size()));
    return false;
}

SYNCOPATE_DECL std::string Links::take_value(std::string_view& left) {
    left.remove_prefix((std::min)(left.find_first_not_of(" \t", 1), left.size()));
    std::string value;
    if (!left.starts_with('"')) {
        auto const size = (std::min)(left.find_first_of(";,"), left.size());
        value = detail::trimmed(left.substr(0, size));
        left.remove_prefix(size);
        return value;
    }
    left.remove_prefix(1);
    while (!left.empty() && left.front() != '"') {
        if (left.front() == '\\' && left.size() > 1)
            left.remove_prefix(1);
        value += left.front();
        left.remove_prefix(1);
    }
    left.remove_prefix((std::min<std::size_t>)(left.size(), 1));
    return value;
}

}  // namespace syncopate::inline v0_1::http
