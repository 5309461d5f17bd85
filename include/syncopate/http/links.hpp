// Links, Link: what the fields Link of a response refer to, RFC 8288: the next page, for example.
#pragma once

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

class Links;

/// One link: where it leads, and how that is related to the response.
class Link {
public:
    /// Gives the URL, absolute: a relative one is one from the response's URL. What is no http or ws URL is given as the
    /// server wrote it.
    std::string const& url() const noexcept { return url_; }
    /// Gives the relations as the server wrote them, with spaces between several: "next", "prev start". May be empty.
    std::string_view rel() const noexcept { return value_of("rel").value_or(""); }

    /// Returns whether it has the relation, in whatever case.
    bool has_rel(std::string_view relation) const noexcept {
        for (auto left = rel(); !left.empty();) {
            auto const each = detail::take_element(left, ' ');
            if (!each.empty() && detail::equals_ignoring_case(each, relation))
                return true;
        }
        return false;
    }

    /// Gives a parameter, such as "title" or "type"; nothing if it is missing. One that is written as RFC 8187 has it, for
    /// what is not ASCII, is decoded, and goes first.
    std::optional<std::string> parameter(std::string_view name) const {
        auto const extended = value_of(std::string(name) + '*');
        if (auto decoded = extended ? decoded_value(*extended) : std::nullopt)
            return decoded;
        auto const plain = value_of(name);
        return plain ? std::optional<std::string>(*plain) : std::nullopt;
    }

private:
    friend class Links;

    std::optional<std::string_view> value_of(std::string_view name) const noexcept {
        for (auto const& [key, value] : parameters_)
            if (detail::equals_ignoring_case(key, name))
                return value;
        return std::nullopt;
    }

    /// "UTF-8'en'%e2%82%ac"; nothing in another character set.
    static std::optional<std::string> decoded_value(std::string_view text) {
        auto const charset = detail::take_element(text, '\'');
        detail::take_element(text, '\'');  // the language
        return detail::equals_ignoring_case(charset, "UTF-8") ? detail::unescaped(text)
                                                              : std::nullopt;
    }

    std::string url_;
    std::vector<std::pair<std::string, std::string>> parameters_;
};

/// The links of a response, in their order: a range of Link. What is not written as RFC 8288 has it is passed over.
///
/// ```cpp
/// std::string const next = response.links()["next"];
/// ```
///
/// Semantics: `links` of requests.Response.
class Links {
public:
    /// Reads the fields Link of a header.
    ///
    /// base:      the URL of the response.
    Links(Headers const& headers, std::string const& base) {
        for (std::string_view left : headers.get_all("Link"))
            while (read_link(left, base)) {
            }
    }

    /// Gives the place of the first link.
    auto begin() const noexcept { return links_.begin(); }
    /// Gives the place behind the last link.
    auto end() const noexcept { return links_.end(); }
    std::size_t size() const noexcept { return links_.size(); }
    bool empty() const noexcept { return links_.empty(); }

    /// Gives the first link with the relation that is one of the response itself, and of no other resource (`anchor`); null
    /// if there is none.
    Link const* find(std::string_view relation) const& noexcept {
        auto const is_meant = [&](Link const& link) {
            return link.has_rel(relation) && !link.value_of("anchor");
        };
        auto const found = std::ranges::find_if(links_, is_meant);
        return found == links_.end() ? nullptr : &*found;
    }
    Link const* find(std::string_view relation) && = delete;  // it would outlive the links

    /// Returns whether there is a link with the relation: see find().
    bool contains(std::string_view relation) const noexcept { return find(relation) != nullptr; }

    /// Gives the URL of the link with the relation; empty if there is none: see find().
    std::string operator[](std::string_view relation) const {
        auto const* const link = find(relation);
        return link ? link->url() : std::string();
    }

private:
    /// RFC 8288, B.2. Returns whether there may be another one.
    bool read_link(std::string_view& left, std::string const& base) {
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

    static std::string resolved(std::string_view reference, std::string const& base) {
        try {
            return Url(base).resolved(reference).text();
        } catch (std::system_error const&) {
            return std::string(reference);
        }
    }

    /// Takes it off, up to the next semicolon or comma. Returns whether there was one: false at a comma, or at the end.
    static bool read_parameter(
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

    /// Behind the parameters of a link there is a comma. What else stands before it belongs to nothing.
    static bool skip_to_comma(std::string_view& left) noexcept {
        left.remove_prefix((std::min)(left.find(','), left.size()));
        return false;
    }

    /// Takes the value of a parameter, which begins with the equals sign.
    static std::string take_value(std::string_view& left) {
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

    std::vector<Link> links_;
};

}  // namespace syncopate::inline v0_1::http
